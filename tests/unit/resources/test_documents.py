import subprocess
import sys
from pathlib import Path

import dagster as dg
import httpx
import pytest

from slipway.resources import DocumentStore
from slipway.storage import StorageError


@pytest.fixture(params=["s3", "file"])
def documents(request, tmp_path):
    if request.param == "file":
        return DocumentStore(url=f"file://{tmp_path}/documents", retry_seconds=2)
    return DocumentStore(url=f"{request.getfixturevalue('s3')}/{tmp_path.name}", retry_seconds=2)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["2026-10", "ü/1"]))
def page(context: dg.AssetExecutionContext, documents: DocumentStore) -> dg.MaterializeResult:
    uri = documents.write(context, f"<p>{context.partition_key} ü</p>")
    return dg.MaterializeResult(metadata={"dagster/uri": uri})


def opened(link):
    if link.startswith("file://"):
        return Path(link.removeprefix("file://")).read_text()
    answer = httpx.get(link)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


@pytest.mark.parametrize("partition", ["2026-10", "ü/1"])
def test_a_page_is_opened_by_its_link(documents, partition):
    result = dg.materialize([page], partition_key=partition, resources={"documents": documents})
    (event,) = result.asset_materializations_for_node("page")
    assert event.metadata["dagster/uri"].value.startswith(f"{documents.url}/page/")
    assert opened(documents.link(dg.AssetKey("page"), partition)) == f"<p>{partition} ü</p>"


def test_a_page_that_is_not_there_is_named(documents):
    with pytest.raises(StorageError, match="asset page, partition 2026-10: there is nothing yet"):
        documents.link(dg.AssetKey("page"), "2026-10")


def test_a_link_can_be_asked_for_on_the_command_line(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report/2026-10.html").write_text("<p>")
    for partition, code in (("2026-10", 0), ("2026-11", 1)):
        command = [sys.executable, "-m", "slipway.resources.document_link", "report", partition]
        environment = {"SLIPWAY_STORAGE_URL": tmp_path.as_uri()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert f"/report/{partition}.html" in (done.stderr if code else done.stdout)
        assert len((done.stdout + done.stderr).splitlines()) == 1
