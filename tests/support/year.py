"""The code location `year`: seven assets in a chain over the 365 days of 2025, which count what they compute.

Steered by files beside its definitions: `hold` stops a step that has computed and recorded nothing yet, `poison`
names a day that fails.
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from support.platform import Platform

ASSETS = [f"step_{number}" for number in range(1, 8)]
DAYS = 365
PER_RUN = 73

DEFINITIONS = """
import time
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
from slipway.environment import current_environment
from slipway.resources import platform_resources

HERE = Path(__file__).parent
DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01", end_date="2026-01-01")


def at_work(context):
    # One line for each call, in one write: asset, run, first and last day, and whether it is a retry.
    days = context.partition_keys
    name = context.asset_key.to_user_string()
    poison = HERE / "poison"
    if poison.exists() and name == "step_3" and poison.read_text() in days:
        raise ValueError(f"the supplier sent nothing for {poison.read_text()}")
    with (HERE / "computed").open("a") as lines:
        lines.write(f"{name} {context.run_id} {days[0]} {days[-1]}\\n")
    hold = HERE / "hold"
    if hold.exists() and days[0].startswith(hold.read_text()):
        (HERE / f"held-{context.run_id}").write_text(name)
        while hold.exists():
            time.sleep(0.05)


def step(number):
    above = {} if number == 1 else {"before": dg.AssetIn(f"step_{number - 1}")}

    @dg.asset(
        name=f"step_{number}", partitions_def=DAYS, ins=above, metadata={"slipway/partition_by": "day"},
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=73), group_name="year",
    )
    def made(context: dg.AssetExecutionContext, **inputs):
        at_work(context)
        if number > 1:
            return inputs["before"].assign(n=inputs["before"]["n"] + 1)
        days = [datetime.strptime(key, "%Y-%m-%d").date() for key in context.partition_keys]
        return pa.table({"day": pa.array(days, pa.date32()), "n": [day.timetuple().tm_yday for day in days]})

    return made


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions(
        assets=[step(number) for number in range(1, 8)],
        resources=platform_resources(current_environment()),
        executor=dg.in_process_executor,
    )
"""


@dataclass
class Year:
    """The location `year` on a running platform."""

    platform: Platform

    @property
    def folder(self) -> Path:
        return self.platform.root / "code_locations" / "year" / "src" / "year"

    def computed(self) -> list[tuple[str, str, str, str]]:
        """Return each call of a step: asset, run, first and last day."""
        file = self.folder / "computed"
        return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []

    def times_computed(self) -> Counter[tuple[str, str]]:
        """Return how often each asset computed each day."""
        return Counter((asset, day) for asset, _, first, last in self.computed() for day in days(first, last))

    def wait_until(self, ready, timeout: float = 180) -> None:
        deadline = time.monotonic() + timeout
        while not ready():
            assert time.monotonic() < deadline, self.computed()[-5:]
            time.sleep(0.2)

    def hold(self, first_days: str = "") -> None:
        (self.folder / "hold").write_text(first_days)

    def let_go(self) -> None:
        (self.folder / "hold").unlink(missing_ok=True)
        for mark in self.folder.glob("held-*"):
            mark.unlink()

    def in_doubt(self, runs: list[str]) -> Counter[tuple[str, str]]:
        """Return the days of the step that each of these runs, which were lost, had begun last."""
        last = {run: (asset, first, end) for asset, run, first, end in self.computed() if run in runs}
        return Counter((asset, day) for asset, first, end in last.values() for day in days(first, end))

    def held(self) -> dict[str, str]:
        """Return the runs that are held, and the step of each."""
        return {mark.name.removeprefix("held-"): mark.read_text() for mark in self.folder.glob("held-*")}

    def runs(self, backfill: str, status: str) -> list[str]:
        """Return the runs of a backfill that have a status."""
        found = self.platform.web.ask(
            """query ($filter: RunsFilter!) { runsOrError(filter: $filter) {
            ... on Runs { results { runId } } } }""",
            filter={"tags": [{"key": "dagster/backfill", "value": backfill}], "statuses": [status]},
        )
        return [run["runId"] for run in found["runsOrError"]["results"]]

    def materializations(self) -> Counter[tuple[str, str]]:
        """Return how often each day of each asset is recorded as materialized, from Dagster's event log."""
        with self.platform.connect("dagster") as connection:
            rows = connection.execute(
                "SELECT asset_key, partition FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
            ).fetchall()
        return Counter((asset.strip('[]"'), day) for asset, day in rows)

    def stored(self, asset: str) -> dict[str, int]:
        """Return the number that each day's object of an asset holds."""
        folder = self.platform.state.s3 / "buckets" / "assets" / asset
        return {file.stem: pq.ParquetFile(file).read()["n"][0].as_py() for file in folder.glob("*.parquet")}


def days(first: str, last: str) -> list[str]:
    """Return the days from first to last."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [str(begin + timedelta(at)) for at in range((end - begin).days + 1)]
