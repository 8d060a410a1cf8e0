"""The asset `monthly_report`, its job and its schedule.

Does not belong here: what is in the report (`figures.py`, `plots.py`, `page.py`).
"""

from datetime import UTC, datetime, time
from typing import Any

import dagster as dg
import pyarrow as pa

from sales.defs.files.assets import OWNERS
from sales.defs.monthly import plots
from sales.defs.monthly.figures import month_of
from sales.defs.monthly.page import data_uri, html_page
from sales.demo import FIRST_DAY
from slipway.environment import Environment
from slipway.resources import DocumentStore

monthly = dg.MonthlyPartitionsDefinition(
    start_date=datetime.combine(FIRST_DAY, time(), UTC), timezone="UTC", fmt="%Y-%m"
)
"""One partition per month, `2026-10`; a month exists once it has ended."""

HOUR = 8
"""UTC, on the first: after the last day's files have come in, before work begins."""


@dg.asset(
    group_name="monthly",
    owners=OWNERS,
    kinds={"matplotlib", "html"},
    tags={"layer": "report"},
    partitions_def=monthly,
    ins={"sales": dg.AssetIn(metadata={"columns": ["day", "country", "amount_eur"]})},
)
def monthly_report(
    context: dg.AssetExecutionContext, documents: DocumentStore, sales: pa.Table
) -> dg.MaterializeResult:
    """The month's sales by day and by country, as a page for people: one HTML file, plots and tables in it.

    Stored beside the assets as `monthly_report/2026-10.html`; partitioned by month. A month without
    sales is a page that says so. The same sales give the same bytes.

    Raises:
        slipway.storage.StorageError: the page could not be written, or sales has never been made.
    """
    start, end = context.partition_time_window
    month = month_of(sales, start.date(), end.date())
    uri = documents.write(context, html_page(month))
    return dg.MaterializeResult(
        metadata={
            "dagster/uri": uri,
            "open": dg.MetadataValue.md(
                f"`tools/uv run slipway exec sales -- python -m slipway.resources.document_link monthly_report {context.partition_key}`"
            ),
            "sales": month.sales,
            "total_eur": float(month.total_eur),
            **({"picture": _picture(month)} if month.sales else {}),
        }
    )


monthly_report_job = dg.define_asset_job(
    "monthly_report_job",
    selection=dg.AssetSelection.assets(monthly_report),
    description="The report of a month, of the sales as they are stored.",
)


def monthly_report_schedule(environment: Environment) -> Any:
    """Return the schedule that makes the report of the month before, at HOUR on the first of each month.

    On from the first deployment in production; elsewhere off, for nobody waits for the report there. A
    switch in the UI goes before this default.
    """
    running = environment is Environment.PROD
    return dg.build_schedule_from_partitioned_job(
        monthly_report_job,
        name="monthly_report_schedule",
        description="On the first of the month at 08:00 UTC, the report of the month before.",
        hour_of_day=HOUR,
        day_of_month=1,
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
    )


def _picture(month: Any) -> dg.MetadataValue:
    alt = f"Sales of {month.name} by day"
    return dg.MetadataValue.md(f"![{alt}]({data_uri(plots.by_day(month))})")
