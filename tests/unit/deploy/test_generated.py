"""What outputs of Terraform become: the files, and what is refused before one of them is written."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from slipway.cli import app
from slipway.deploy import generated
from slipway.deploy.errors import DeployError
from slipway.deploy.releases import read_releases, source_files, values_of

LIST = """
environments:
  kind: {context: kind, namespace: n, registry: r}
  prod: {context: "{kubernetes_context}", namespace: n, registry: "{registry}/x"}
secrets: {}
releases:
  - name: one
    chart: helm/one
    values: [one/values.yaml, "one/values-{environment}.generated.yaml", "one/values-{environment}.yaml"]
    outputs:
      database: {host: "{database.host}", port: "{database.port}", url: "pg://$(PASSWORD)@{database.host}:{database.port}/"}
      cidrs: "{cidrs}"
      fixed: true
  - {name: two, chart: helm/two, values: [two/values.yaml]}
"""
OUTPUTS = {
    "kubernetes_context": "arn:cluster/prod",
    "registry": "registry.example.com",
    "database": {"host": "db.example.com", "port": 5432},
    "cidrs": ["10.0.0.0/20", "10.0.16.0/20"],
}
TARGET, ONE = Path("environment-prod.generated.yaml"), Path("one/values-prod.generated.yaml")


@pytest.fixture
def root(tmp_path, monkeypatch):
    for name in ("one", "two"):
        folder = tmp_path / "charts-values" / name
        folder.mkdir(parents=True)
        (folder / "values.yaml").write_text("a: 1\n")
    (tmp_path / "charts-values/releases.yaml").write_text(LIST)
    (tmp_path / "dg.toml").write_text("[workspace]\n")
    shutil.copy(Path(__file__).parents[3] / "versions.env", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(root):
    return {
        file.relative_to(root): file.read_bytes()
        for file in (root / "charts-values").rglob("*")
        if file.is_file()
    }


def test_a_place_becomes_the_output_of_its_type(root):
    made = generated.files(read_releases(root), "prod", OUTPUTS)
    assert set(made) == {TARGET, ONE}
    assert yaml.safe_load(made[TARGET]) == {
        "context": "arn:cluster/prod",
        "registry": "registry.example.com/x",
    }
    assert yaml.safe_load(made[ONE]) == {
        "database": {
            "host": "db.example.com",
            "port": 5432,
            "url": "pg://$(PASSWORD)@db.example.com:5432/",
        },
        "cidrs": ["10.0.0.0/20", "10.0.16.0/20"],
        "fixed": True,
    }
    assert all("make values ENV=prod" in text.splitlines()[0] for text in made.values())


def test_written_files_say_where_the_environment_is_and_give_way_to_its_own_file(root):
    generated.write(root, generated.files(read_releases(root), "prod", OUTPUTS))
    releases = read_releases(root)
    assert releases.target("prod").context == "arn:cluster/prod"
    (root / "charts-values/one/values-prod.yaml").write_text("database: {host: other}\nb: 2\n")
    release = releases.release("one", "prod")
    values = values_of(root, release, "prod")
    assert (values["a"], values["b"], values["database"]["host"], values["database"]["port"]) == (
        1,
        2,
        "other",
        5432,
    )
    assert generated.overruled(root, release, "prod") == ["charts-values/values-prod.yaml: database.host"]


def test_what_is_written_already_is_left_alone(root):
    made = generated.files(read_releases(root), "prod", OUTPUTS)
    assert generated.write(root, made) == [Path("charts-values") / TARGET, Path("charts-values") / ONE]
    assert generated.write(root, made) == []


def test_all_missing_outputs_are_named_and_nothing_is_written(root):
    before = contents(root)
    file = root / "outputs.json"
    file.write_text(json.dumps({"registry": {"value": "r"}, "cidrs": {"value": None}, "x": {"value": 1}}))
    result = CliRunner().invoke(app, ["generate-values", "--env", "prod", "--outputs", str(file)])
    assert isinstance(result.exception, DeployError)
    said = str(result.exception)
    for place in ("kubernetes_context (environments.prod: context)", "cidrs (outputs of one: cidrs)"):
        assert place in said
    assert "database.host (outputs of one: database.host)" in said
    assert contents(root) == before


def test_a_sensitive_output_is_as_good_as_missing():
    printed = {"password": {"value": "x", "sensitive": True}, "region": {"value": "r", "sensitive": False}}
    assert generated.outputs_of(printed, "prod") == {"region": "r"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "no JSON"), ("[]", "not what"), ('{"region": "r"}', "not what"), (None, "No such file")],
)
def test_what_is_no_output_of_terraform_is_refused(root, text, said):
    file = root / "outputs.json"
    if text:
        file.write_text(text)
    result = CliRunner().invoke(app, ["generate-values", "--env", "prod", "--outputs", str(file)])
    assert isinstance(result.exception, DeployError)
    assert said in str(result.exception)


def test_an_environment_without_its_files_says_how_to_get_them(root):
    with pytest.raises(DeployError, match=r"environment-prod\.generated\.yaml is missing") as told:
        read_releases(root).target("prod")
    assert "make values ENV=prod" in told.value.hint
    assert read_releases(root).target("kind").context == "kind"


def test_a_generated_file_that_is_gone_is_missed(root):
    generated.write(root, generated.files(read_releases(root), "prod", OUTPUTS))
    (root / "charts-values" / ONE).unlink()
    releases = read_releases(root)
    with pytest.raises(DeployError, match=r"values-prod\.generated\.yaml is missing"):
        source_files(root, releases.release("one", "prod"), "prod")


def test_an_environment_that_takes_nothing_from_terraform_is_refused(root):
    with pytest.raises(DeployError, match="nothing of it comes from Terraform"):
        generated.files(read_releases(root), "kind", OUTPUTS)


def test_a_folder_that_cannot_be_written_leaves_all_as_it_was(root):
    made = generated.files(read_releases(root), "prod", OUTPUTS)
    shutil.rmtree(root / "charts-values/one")
    before = contents(root)
    with pytest.raises(DeployError, match="can't be written"):
        generated.write(root, made)
    assert contents(root) == before


@pytest.mark.parametrize(
    "change",
    [
        ('"one/values-{environment}.generated.yaml", ', ""),
        ("[two/values.yaml]", '["two/values-{environment}.generated.yaml"]'),
    ],
)
def test_outputs_and_their_file_go_together(root, change):
    (root / "charts-values/releases.yaml").write_text(LIST.replace(*change))
    with pytest.raises(DeployError, match="one of `values` ends in"):
        read_releases(root)
