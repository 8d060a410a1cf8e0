"""What somebody asks the order system and waits for: small answers, read from the source itself.

Belongs here: jobs that read a few rows by an index and store nothing. Does not belong here: whatever others count on, which is an asset.
"""

import dagster as dg

from orders.defs.order_system import queries
from slipway.launch.warm import WARM_TAG
from slipway.resources import PostgresResource


class NewestDeliveriesConfig(dg.Config):
    """How much to show."""

    count: int = 10
    """Rows, the newest first."""


# In no pool: it reads some rows by an index, and would wait behind whole readings of the feed.
@dg.op
def show_newest_deliveries(
    context: dg.OpExecutionContext, config: NewestDeliveriesConfig, source: PostgresResource
) -> None:
    """Show the rows that the order system delivered last, in the run's log and as the output's metadata."""
    rows = source.read_table(queries.NEWEST_DELIVERIES, {"count": config.count}).to_pylist()
    if not rows:
        context.log.warning("The order system has delivered nothing at all.")
        return
    context.log.info("The newest of %s deliveries arrived at %s.", len(rows), rows[0]["received_at"])
    lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
    lines += [" | ".join(str(value) for value in row.values()) for row in rows]
    context.add_output_metadata({"deliveries": dg.MarkdownMetadataValue("\n".join(lines))})


@dg.job(
    description="The rows that the order system delivered last: is the feed alive, and what does it look like? Makes no asset.",
    tags={WARM_TAG: "true"},
)
def newest_deliveries() -> None:
    """Answer while somebody waits: in the location's warm worker, if it has a place."""
    show_newest_deliveries()
