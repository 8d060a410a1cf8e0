"""Where terraform and its provider are found: doubles of the program, real folders."""

import os
import platform
import stat

import pytest

from slipway.terraform import program
from slipway.terraform.errors import TerraformError, TerraformMissingError

VERSIONS = {"TERRAFORM_VERSION": "1.11.4", "AWS_PROVIDER_VERSION": "5.100.0"}
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
PROVIDER = f"registry.terraform.io/hashicorp/aws/5.100.0/{platform.system().lower()}_{MACHINE}"


def double(path, version="1.11.4", outputs="{}", code=0):
    """Write a program that says its version, its configuration and these outputs."""
    path.write_text(
        "#!/bin/sh\n"
        f"""case $1 in version) echo '{{"terraform_version": "{version}"}}';;\n"""
        f"""output) echo '{outputs}'; echo "no state" >&2; exit {code};;\n"""
        '*) echo "$TF_CLI_CONFIG_FILE";; esac\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """A machine with terraform on PATH and nothing else of it."""
    for name in (program.PROGRAM_VARIABLE, program.PLUGINS_VARIABLE, program.CONFIGURATION_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    (tmp_path / "bin").mkdir()
    home.mkdir()
    double(tmp_path / "bin/terraform")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(program, "_PLUGIN_FOLDERS", ("~/.terraform.d/plugins",))
    return tmp_path


def configuration(found):
    """Return the configuration that a call is told to use."""
    return found.call(found.program.parent, "plan").stdout.strip()


def test_without_any_folder_the_registry_is_left_to_it(bare, monkeypatch):
    monkeypatch.setenv(program.CONFIGURATION_VARIABLE, str(bare / "gone"))
    found = program.find_terraform(VERSIONS)
    assert (found.program, found.plugins) == (bare / "bin/terraform", None)
    assert configuration(found) == ""


def test_a_folder_that_has_the_provider_is_found(bare):
    (bare / "home/.terraform.d/plugins" / PROVIDER).mkdir(parents=True)
    found = program.find_terraform(VERSIONS)
    assert found.plugins == bare / "home/.terraform.d/plugins"
    written = (bare / configuration(found)).read_text()
    assert str(found.plugins) in written
    assert written.count(program.PROVIDER) == 2


def test_a_folder_with_another_version_is_not_enough(bare):
    (bare / "home/.terraform.d/plugins" / PROVIDER.replace("5.100.0", "5.99.0")).mkdir(parents=True)
    assert program.find_terraform(VERSIONS).plugins is None


def test_a_setting_names_the_folder(bare, monkeypatch):
    (bare / "mine" / PROVIDER).mkdir(parents=True)
    monkeypatch.setenv(program.PLUGINS_VARIABLE, str(bare / "mine"))
    assert program.find_terraform(VERSIONS).plugins == bare / "mine"


def test_a_setting_that_names_a_folder_without_it_is_an_error(bare, monkeypatch):
    monkeypatch.setenv(program.PLUGINS_VARIABLE, str(bare))
    with pytest.raises(TerraformError, match="has no folder registry"):
        program.find_terraform(VERSIONS)


@pytest.mark.parametrize("place", ["home/.terraformrc", "own.rc"])
def test_a_configuration_of_the_users_goes_before_every_folder(bare, monkeypatch, place):
    (bare / "home/.terraform.d/plugins" / PROVIDER).mkdir(parents=True)
    (bare / place).write_text("")
    if place == "own.rc":
        monkeypatch.setenv(program.CONFIGURATION_VARIABLE, str(bare / place))
    found = program.find_terraform(VERSIONS)
    assert found.plugins is None
    assert configuration(found) == ("" if place.startswith("home") else str(bare / place))


def test_no_program_is_said_with_the_version_that_is_wanted(bare):
    (bare / "bin/terraform").unlink()
    with pytest.raises(TerraformMissingError, match="no terraform") as told:
        program.find_terraform(VERSIONS)
    assert "1.11.4" in told.value.hint


@pytest.mark.parametrize(
    ("version", "fits"), [("1.11.4", True), ("1.12.0-rc1", True), ("1.11.3", False), ("2.0.0", False)]
)
def test_an_older_one_and_another_major_version_are_refused(bare, monkeypatch, version, fits):
    monkeypatch.setenv(program.PROGRAM_VARIABLE, str(double(bare / "other", version)))
    if fits:
        assert program.find_terraform(VERSIONS).program == bare / "other"
    else:
        with pytest.raises(TerraformMissingError, match=version):
            program.find_terraform(VERSIONS)


def test_something_else_of_that_name_is_refused(bare):
    (bare / "bin/terraform").write_text("#!/bin/sh\necho hello\n")
    with pytest.raises(TerraformMissingError, match="no Terraform that says its version"):
        program.find_terraform(VERSIONS)


def test_outputs_are_read_and_a_failure_says_what_terraform_said(bare):
    found = program.find_terraform(VERSIONS)
    double(bare / "bin/terraform", outputs='{"region": {"value": "r"}}')
    assert found.outputs(bare) == {"region": {"value": "r"}}
    double(bare / "bin/terraform", code=1)
    with pytest.raises(TerraformError, match="no state"):
        found.outputs(bare)
    double(bare / "bin/terraform")
    with pytest.raises(TerraformError, match="nothing was applied"):
        found.outputs(bare)
