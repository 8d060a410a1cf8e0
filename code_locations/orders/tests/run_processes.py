"""The runs of the queue, each in a process of its own, as the processes of a run launcher have it.

What they run is Dagster's own code, that of `dagster api execute_run`. Which runs there are is the business of
`daemon`; here they only start.
"""

import os
import re
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from daemon import PROCESSES, be_in
from dagster._cli.api import _execute_run_command_body

from orders.defs.arrivals.assets import OUTCOME_TAG


@dataclass(frozen=True)
class Ran:
    """What a run has left behind: its file, its status, how often its step began, its check, its memory.

    `grown` is by how many bytes its process grew at most, from just before the run began.
    """

    file: str
    status: str
    attempts: int
    check: Any
    outcome: str
    grown: int


def run_queued(home: Path, at_once: int) -> dict[str, Ran]:
    """Run all queued runs, so many at once; return what they did by file. The first to be queued are the first."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        queued = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), ascending=True)
        ids = [run.run_id for run in queued]
        for run in queued:
            starting = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_STARTING.value, run.job_name)
            instance.report_dagster_event(starting, run.run_id)
        with ProcessPoolExecutor(at_once, mp_context=PROCESSES, max_tasks_per_child=1) as processes:
            tasks = [processes.submit(_run, dict(os.environ), home, each) for each in ids]
            found = [_ran(instance, each, task.result()) for each, task in zip(ids, tasks, strict=True)]
    return {each.file: each for each in found}


def _run(environment: Mapping[str, str], home: Path, run_id: str) -> int:
    be_in(environment)
    Path("/proc/self/clear_refs").write_text("5")  # its peak begins anew, see proc_pid_clear_refs(5)
    before = _memory("VmRSS")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        _execute_run_command_body(run_id, instance, lambda _: None, False)
    return _memory("VmHWM") - before


def _memory(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def _ran(instance: dg.DagsterInstance, run_id: str, grown: int) -> Ran:
    run = instance.get_run_by_id(run_id)
    assert run
    events = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event]
    starts = [each for each in events if each.event_type_value in ("STEP_START", "STEP_RESTARTED")]
    checks = [
        each.asset_check_evaluation_data
        for each in events
        if each.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    return Ran(
        run.tags["slipway/s3_key"],
        run.status.value,
        len(starts),
        checks[0] if checks else None,
        run.tags.get(OUTCOME_TAG, ""),
        grown,
    )
