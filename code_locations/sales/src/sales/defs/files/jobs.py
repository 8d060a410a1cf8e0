"""When the files are read.

Belongs here: the job and the sensor on the folder. Does not belong here: what is made of the files.
"""

import json

import dagster as dg

from sales.defs.files import assets
from sales.defs.files.folder import CsvFolder

POLL_SECONDS = 30

sales_job = dg.define_asset_job(
    "sales_job",
    selection=dg.AssetSelection.assets(*dg.load_assets_from_modules([assets])),
    description="All files anew, and the totals.",
)


@dg.sensor(
    job=sales_job, minimum_interval_seconds=POLL_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING
)
def new_files_sensor(context: dg.SensorEvaluationContext, sales_folder: CsvFolder) -> dg.SensorResult:
    """Request a run when a file is new, changed or gone; each state of the folder is one run.

    Files that are still being written are left for a later tick. The cursor is the state that was last taken
    care of and the number of changes so far, of the same size for any number of files; the number is in the
    run key, so that a folder that goes back to an earlier state is a change too. A state that a run by
    hand was made of needs no other. The first tick of all waits for the next: a new location's first run
    may be on its way.
    """
    now = sales_folder.listing().state
    if not context.cursor:
        return _skip("The folder is watched from now on.", None, 0)
    cursor = json.loads(context.cursor)
    if now == cursor["state"]:
        return _skip("Nothing has changed.", now, cursor["changes"])
    if now == _materialized_state(context.instance):
        return _skip("The newest materialization was made of these files.", now, cursor["changes"])
    changes = cursor["changes"] + 1
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=f"{changes}-{now}")], cursor=_cursor(now, changes)
    )


def _materialized_state(instance: dg.DagsterInstance) -> object:
    event = instance.get_latest_materialization_event(assets.sales.key)
    materialization = event.asset_materialization if event else None
    found = materialization.metadata.get(assets.STATE) if materialization else None
    return found.value if found else None


def _skip(reason: str, state: str | None, changes: int) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=_cursor(state, changes))


def _cursor(state: str | None, changes: int) -> str:
    return json.dumps({"state": state, "changes": changes})
