from pathlib import Path

import dagster as dg

from slipway.canary import CANARY, build_canary_job, read_canary
from slipway.storage import ParquetIOManager


def test_the_canary_goes_through_the_storage(tmp_path: Path) -> None:
    store = ParquetIOManager(base_url=tmp_path.as_uri())
    done = build_canary_job().execute_in_process(resources={"io_manager": store})
    assert done.success
    assert done.job_def.name == CANARY
    (stored,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert done.run_id in stored.read_text()


def test_what_another_run_stored_fails_it() -> None:
    context = dg.build_op_context()
    failed = None
    try:
        read_canary(context, {"run": "another", "host": "h"})
    except dg.Failure as failure:
        failed = failure
    assert failed
    assert "another" in str(failed.description)
    assert not failed.allow_retries


def test_its_tags_are_those_of_its_runs() -> None:
    assert build_canary_job("canary_queue", tags={"a/b": "c"}).run_tags == {"a/b": "c"}
