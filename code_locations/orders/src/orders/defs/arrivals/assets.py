"""The asset `landed_orders`: what files bring, by day. Its job takes one version of one file per run.

Belongs here: what a run does and says. Does not belong here: which files there are (`sensor.py`), formats
(`formats.py`), merging (`merging.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pyarrow as pa

from orders.defs.arrivals.faults import BadFileError, Reason
from orders.defs.arrivals.formats import format_of, read_rows, spooled
from orders.defs.arrivals.merging import by_day, merged
from orders.defs.arrivals.quarantine import Verdict, earlier_verdict, set_aside
from orders.defs.arrivals.settings import ArrivalSettings
from orders.defs.order_system import columns
from orders.defs.order_system.assets import OWNERS
from orders.partitions import daily_and_today
from slipway.limits import LANE_TAG
from slipway.resources import LandingBucket
from slipway.resources.landing import Download, LandingObject, MissingObjectError, SupersededObjectError
from slipway.retries import retried
from slipway.storage import ParquetIOManager

KEY = dg.AssetKey("landed_orders")
JOB = "land_orders"
CHECK = "file_was_good"
OUTCOME_TAG = "slipway/landing"
"""Tag of a run that had no effect on the asset: `quarantined`, `superseded` or `gone`."""

METADATA = {"dagster/column_schema": columns.table_schema(columns.DELIVERED)}

_DESCRIPTION = """The rows of the feed that came as files: of each order of the day its newest delivery, text columns as text.

Columns: `columns.DELIVERED`; partitioned by the UTC day of ordered_at, today included; by order_id. A file's
rows go into the days that they belong to, and are merged with what is there: the result is the same whichever
file comes first, and if one comes twice. An order that a correction moved to another day is in both, as each day
is merged by itself: whoever reads several takes the newest.

Materialized by the job `land_orders`, one run per version of a file, which `landing_sensor` starts. Runs may
write to a day at once: none loses the other's rows."""

_SPEC = dg.AssetSpec(
    KEY,
    description=_DESCRIPTION,
    group_name="arrivals",
    owners=OWNERS,
    kinds={"s3", "parquet"},
    # Backfills and catch-up leave it alone: no day can be asked for, only files.
    tags={"layer": "raw", "slipway/by_event": "true"},
    partitions_def=daily_and_today,
    metadata=METADATA,
    # A run materializes the days that its file touches, which nobody knows before; maybe none.
    skippable=True,
)
_CHECK = dg.AssetCheckSpec(
    CHECK,
    asset=KEY,
    description="The file of the latest run could be read. If not, it lies in the quarantine, with its reason.",
)


class LandedFile(dg.Config):
    """The file that a run takes."""

    s3_key: str
    """Its key in the landing zone."""
    version: str = ""
    """Its ETag, without quotes; a run takes no other version. Empty: whichever there is."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file: `landed`, `quarantined`, `superseded` or `gone`, and what is to be said of it."""

    name: str
    found: LandingObject | None
    text: str
    metadata: dict[str, Any]


def build_landed_orders(settings: ArrivalSettings) -> dg.AssetsDefinition:
    """Return the asset, for files of up to `settings.max_bytes`."""

    @dg.multi_asset(name="landed_orders", specs=[_SPEC], check_specs=[_CHECK])
    @retried
    def landed_orders(
        context: dg.AssetExecutionContext,
        config: LandedFile,
        landing: LandingBucket,
        io_manager: dg.ResourceParam[ParquetIOManager],
    ) -> Iterator[dg.AssetCheckResult]:
        """Take one version of one file; see `_DESCRIPTION`.

        A bad file is set aside and fails the check, not the run: the run has done all there is to do, and
        trying again would not help. A run that fails has left its file to a later attempt.

        Raises:
            LandingUnavailableError, slipway.storage.StorageError: a store does not answer; tried again.
        """
        try:
            outcome = _take(context, landing, io_manager, config, settings.max_bytes)
        except SupersededObjectError as error:
            outcome = Outcome("superseded", None, str(error.description), {})
        except MissingObjectError as error:
            outcome = _gone(landing, config, str(error.description))
        yield from _reported(context, config, outcome)

    return landed_orders


land_orders = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.assets(KEY),
    description="Take one version of one file of the landing zone.",
    tags={
        # Unlike elsewhere a failed step is worth another run: what can't be cured does not fail here.
        "dagster/max_retries": "3",
        "dagster/retry_on_asset_or_op_failure": "true",
        # Ten thousand files at once must leave places to others.
        LANE_TAG: "arrivals",
    },
)


def _take(
    context: dg.AssetExecutionContext,
    landing: LandingBucket,
    io_manager: ParquetIOManager,
    config: LandedFile,
    max_bytes: int,
) -> Outcome:
    fault = None
    with landing.download(config.s3_key, config.version) as download:
        try:
            rows = _rows(download, max_bytes)
        except BadFileError as error:
            fault = error
    found = download.found
    if fault:
        return _quarantined(found, set_aside(landing, found, fault, context.run.run_id))
    days = [_merge(context, io_manager, found, day, part) for day, part in by_day(rows)]
    text = f"{rows.num_rows} rows into {', '.join(days) or 'no day'}"
    return Outcome("landed", found, text, {"rows": rows.num_rows, "days": days})


def _rows(download: Download, max_bytes: int) -> pa.Table:
    """Return the file's rows. What is too large, or of no known format, is not read at all."""
    key, size = download.found.key, download.found.size
    if size > max_bytes:
        raise BadFileError(Reason.TOO_LARGE, f"it has {size:,} bytes; up to {max_bytes:,} are read")
    format_of(key)
    with spooled() as file:
        for chunk in download.chunks:
            file.write(chunk)
        file.seek(0)
        return read_rows(file, key, max_bytes, datetime.now(UTC))


def _quarantined(found: LandingObject | None, verdict: Verdict) -> Outcome:
    told = ("reason", "explanation", "column", "line", "moved_to", "how_to_release")
    metadata = {name: verdict.content[name] for name in told if verdict.content.get(name) is not None}
    return Outcome("quarantined", found, str(verdict), metadata)


def _gone(landing: LandingBucket, config: LandedFile, text: str) -> Outcome:
    """Say what became of a file that is not there: a run that was interrupted may have set it aside."""
    verdict = earlier_verdict(landing, config.s3_key, config.version) if config.version else None
    return _quarantined(None, verdict) if verdict else Outcome("gone", None, text, {})


def _merge(
    context: dg.AssetExecutionContext,
    io_manager: ParquetIOManager,
    found: LandingObject,
    day: str,
    rows: pa.Table,
) -> str:
    """Merge `rows` into the day's partition, record its materialization, and return the day."""
    metadata = io_manager.update(KEY, day, lambda stored: merged(stored, rows), METADATA)
    said = {**metadata, "s3_key": found.key, "version": found.version, "rows_of_file": rows.num_rows}
    context.log_event(dg.AssetMaterialization(KEY, partition=day, metadata=said))
    return day


def _reported(
    context: dg.AssetExecutionContext, config: LandedFile, outcome: Outcome
) -> Iterator[dg.AssetCheckResult]:
    good = outcome.name in ("landed", "superseded")
    say = context.log.info if good else context.log.error
    say(f"{config.s3_key}: {outcome.name}. {outcome.text}")
    if outcome.name != "landed":
        context.instance.add_run_tags(context.run.run_id, {OUTCOME_TAG: outcome.name})
    version = outcome.found.version if outcome.found else config.version
    yield dg.AssetCheckResult(
        check_name=CHECK,
        asset_key=KEY,
        passed=good,
        # A file that its sender took away is no fault of the file.
        severity=dg.AssetCheckSeverity.WARN if outcome.name == "gone" else dg.AssetCheckSeverity.ERROR,
        description=f"{outcome.name}: {outcome.text}",
        metadata={"s3_key": config.s3_key, "version": version, "outcome": outcome.name, **outcome.metadata},
    )
