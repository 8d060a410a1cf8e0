"""What somebody asks the order system and waits for."""

from collections.abc import Callable

import dagster as dg
import pytest
from databases import make_tables

from orders.defs.order_system.lookups import newest_deliveries
from slipway.launch.warm import WARM_TAG
from slipway.resources import PostgresResource
from slipway.testing.postgres import Database


def shown(database: Database, count: int) -> str | None:
    """Return what a run shows: a table in Markdown."""
    result = newest_deliveries.execute_in_process(
        resources={"source": PostgresResource(url=database.url)},
        run_config=dg.RunConfig(ops={"show_newest_deliveries": {"config": {"count": count}}}),
    )
    (output,) = [event.step_output_data for event in result.all_events if event.is_successful_output]
    found = output.metadata.get("deliveries")
    return str(found.value) if found else None


def test_the_newest_deliveries_are_shown_first(demo: Database) -> None:
    table = shown(demo, 3)
    assert table
    head, _, *rows = table.splitlines()
    assert head.startswith("row_id | order_id | customer_id")
    newest = demo.rows("SELECT row_id FROM orders ORDER BY received_at DESC, row_id DESC LIMIT 3")
    assert [int(row.split(" | ")[0]) for row in rows] == [row_id for (row_id,) in newest]


def test_an_order_system_without_orders_is_no_error(
    new_database: Callable[[str], Database], capfd: pytest.CaptureFixture[str]
) -> None:
    empty = new_database("no_deliveries")
    make_tables(empty)
    assert shown(empty, 3) is None
    assert "delivered nothing at all" in capfd.readouterr().err


def test_it_may_run_warm() -> None:
    assert newest_deliveries.tags[WARM_TAG] == "true"
