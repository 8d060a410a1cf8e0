"""The whole graph on a real Postgres, each asset against SQL on the source.

The SQL decides by itself what is a number, which delivery is the newest and what counts: it shares with
the location nothing but the table of rates.
"""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from databases import DEMO
from pipelines import Pipeline

from orders.rates import EUR_RATES
from slipway.testing.postgres import Database

FIRST, LAST = "2026-01-01", DEMO.until.isoformat()
DAYS = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(25)]
COMMITTED = Path(__file__).parents[1] / "contracts"
PARTITIONED = ("bronze_orders", "daily_orders", "daily_revenue_partitioned")

RATES = ", ".join(f"('{currency}', {rate})" for currency, rate in EUR_RATES.items())
NUMBER = """CASE
    WHEN trim(amount) ~ '^[+-]?[0-9]+,[0-9][0-9]?$' THEN replace(trim(amount), ',', '.')::numeric
    WHEN pg_input_is_valid(trim(amount), 'numeric') THEN trim(amount)::numeric END"""
# `{within}` limits the deliveries that are looked at.
CLEAN = f"""
WITH rates (code, rate) AS (VALUES {RATES}),
newest AS (
    SELECT DISTINCT ON (order_id) * FROM orders WHERE {{within}}
    ORDER BY order_id, received_at DESC, row_id DESC
),
clean AS (
    SELECT row_id, order_id, customer_id, ordered_at, received_at, ordered_at::date AS day,
        received_at::date > ordered_at::date AS is_late, lower(trim(status)) AS status,
        upper(trim(currency)) AS currency, round({NUMBER}, 2) AS amount,
        round(round({NUMBER}, 2) * rate, 2) AS amount_eur,
        CASE WHEN coalesce(trim(amount), '') = '' THEN 'no amount'
             WHEN {NUMBER} IS NULL THEN 'amount is not a number'
             WHEN currency IS NULL THEN 'no currency'
             WHEN rate IS NULL THEN 'unknown currency' END AS quarantine_reason
    FROM newest LEFT JOIN rates ON code = upper(trim(currency))
)
"""
WITH_LINES = """
    (SELECT country FROM customers c WHERE c.customer_id = o.customer_id),
    (SELECT count(*) FROM order_lines l WHERE l.order_id = o.order_id),
    (SELECT sum(quantity * unit_price) FROM order_lines l WHERE l.order_id = o.order_id)
"""
SOLD = "status IS NULL OR status NOT IN ('cancelled', 'returned')"
ALL = CLEAN.format(within="true")
EXPECTED = {
    "raw_orders": f"SELECT o.*, {WITH_LINES} FROM orders o ORDER BY row_id",
    "cleaned_orders": f"{ALL} SELECT o.*, {WITH_LINES} FROM clean o ORDER BY order_id",
    "daily_revenue": f"""{ALL} SELECT day, count(*), coalesce(sum(amount_eur) FILTER (WHERE {SOLD}), 0),
        count(*) FILTER (WHERE status = 'returned'),
        coalesce(sum(amount_eur) FILTER (WHERE status = 'returned'), 0),
        count(*) FILTER (WHERE status = 'cancelled'), count(*) FILTER (WHERE amount_eur IS NULL)
        FROM clean GROUP BY day ORDER BY day""",
    "daily_orders": f"{ALL} SELECT o.*, {WITH_LINES} FROM clean o WHERE day = %(day)s ORDER BY order_id",
    "daily_revenue_partitioned": f"""{ALL} SELECT day, customer_id, count(*),
        coalesce(sum(amount_eur) FILTER (WHERE {SOLD}), 0),
        coalesce(sum(amount_eur) FILTER (WHERE status = 'returned'), 0)
        FROM clean WHERE day = %(day)s GROUP BY day, customer_id ORDER BY customer_id NULLS LAST""",
    "bronze_orders": "SELECT * FROM orders WHERE received_at::date = %(day)s ORDER BY received_at, row_id",
    "silver_orders": f"{ALL} SELECT * FROM clean ORDER BY order_id",
}


@pytest.fixture(scope="module")
def whole(
    demo: Database, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Pipeline, dg.ExecuteInProcessResult]:
    """All days in one run."""
    pipeline = Pipeline(demo, tmp_path_factory.mktemp("whole"))
    return pipeline, pipeline.run(FIRST, LAST)


@pytest.mark.parametrize("asset", [name for name in EXPECTED if name not in PARTITIONED])
def test_unpartitioned_assets_are_what_sql_says(whole: tuple, demo: Database, asset: str) -> None:
    found = whole[0].rows(asset)
    assert found == demo.rows(EXPECTED[asset])
    assert found


@pytest.mark.parametrize("asset", PARTITIONED)
def test_every_partition_is_what_sql_says(whole: tuple, demo: Database, asset: str) -> None:
    for day in DAYS:
        found = whole[0].rows(asset, day)
        assert found == demo.rows(EXPECTED[asset], {"day": day}), day
        assert found
    assert len(list((whole[0].folder / asset).iterdir())) == len(DAYS)


def test_the_demo_has_what_makes_it_hard(demo: Database) -> None:
    reasons = dict(demo.rows(f"{ALL} SELECT quarantine_reason, count(*) FROM clean GROUP BY 1"))
    assert set(reasons) == {None, "no amount", "amount is not a number", "no currency", "unknown currency"}
    moved = "SELECT order_id FROM orders GROUP BY order_id HAVING count(DISTINCT ordered_at::date) > 1"
    assert demo.rows(moved)
    same_instant = "SELECT order_id FROM orders GROUP BY order_id, received_at HAVING count(*) > 1"
    assert demo.rows(same_instant)


def test_an_order_that_was_moved_is_on_one_day(whole: tuple) -> None:
    ids = [row[1] for day in DAYS for row in whole[0].rows("daily_orders", day)]
    assert len(ids) == len(set(ids)) == DEMO.orders


def test_a_rerun_gives_the_same_bytes(whole: tuple) -> None:
    before = whole[0].digests()
    whole[0].run(FIRST, LAST)
    assert whole[0].digests() == before


def test_day_by_day_gives_the_same_bytes_in_any_order(whole: tuple, demo: Database, tmp_path: Path) -> None:
    pipeline, one = Pipeline(demo, tmp_path), DAYS[14]
    pipeline.run_day(one)
    for asset in PARTITIONED:
        assert [path.name for path in (tmp_path / asset).iterdir()] == [f"{one}.parquet"]
    # Silver is right for what is there: the deliveries of that one day.
    within = CLEAN.format(within=f"received_at::date = '{one}'")
    assert pipeline.rows("silver_orders") == demo.rows(f"{within} SELECT * FROM clean ORDER BY order_id")
    pipeline.run(DAYS[20], LAST)
    pipeline.run(FIRST, DAYS[19])
    assert pipeline.digests() == whole[0].digests()


def test_materializations_say_what_they_hold(whole: tuple, demo: Database) -> None:
    result = whole[1]
    (cleaned,) = result.asset_materializations_for_node("cleaned_orders")
    numbers = {name: entry.value for name, entry in cleaned.metadata.items()}
    reasons = demo.rows(
        f"{ALL} SELECT quarantine_reason, count(*) FROM clean WHERE quarantine_reason IS NOT NULL GROUP BY 1"
    )
    assert numbers["quarantined_by_reason"] == dict(reasons)
    assert numbers["quarantined"] == sum(count for _, count in reasons)
    assert numbers["late"] == demo.rows(f"{ALL} SELECT count(*) FROM clean WHERE is_late")[0][0]
    assert numbers["superseded_deliveries"] == demo.rows("SELECT count(*) FROM orders")[0][0] - DEMO.orders
    assert numbers["dagster/row_count"] == DEMO.orders
    columns = numbers["dagster/column_schema"].columns
    assert all(column.description for column in columns)
    daily = result.asset_materializations_for_node("daily_orders")
    assert [each.partition for each in daily] == DAYS
    by_day = f"""{ALL} SELECT count(*) FILTER (WHERE quarantine_reason IS NOT NULL), count(*) FILTER (WHERE is_late)
        FROM clean GROUP BY day ORDER BY day"""
    found = [(each.metadata["quarantined"].value, each.metadata["late"].value) for each in daily]
    assert found == demo.rows(by_day)


def test_checks_report(whole: tuple, demo: Database) -> None:
    evaluations = whole[1].get_asset_check_evaluations()
    found = {each.check_name: each for each in evaluations}
    assert {each.check_name for each in evaluations if not each.passed} == {"no_negative_amounts"}
    checked = {(each.asset_key.to_user_string(), each.check_name) for each in evaluations}
    assert checked == {
        (key.asset_key.to_user_string(), key.name)
        for key in whole[0].job.asset_layer.asset_graph.asset_check_keys
    }
    negative = found["no_negative_amounts"]
    assert not negative.passed
    assert negative.severity is dg.AssetCheckSeverity.WARN
    expected = demo.rows(f"{ALL} SELECT order_id, amount FROM clean WHERE amount < 0 ORDER BY order_id")
    assert negative.metadata["negative"].value == len(expected) > 0
    shown = [
        (record.data["order_id"], record.data["amount"]) for record in negative.metadata["first"].records
    ]
    assert shown == [(number, str(amount)) for number, amount in expected[:10]]


def test_spend_adds_up_to_revenue(whole: tuple) -> None:
    for day, _, revenue, *_ in whole[0].rows("daily_revenue"):
        spend = whole[0].rows("daily_revenue_partitioned", day.isoformat())
        assert sum(row[3] for row in spend) == revenue


def test_contracts_are_published_beside_the_assets_as_committed(whole: tuple) -> None:
    files = {file.name: file.read_bytes() for file in whole[0].folder.rglob("*.odcs.yaml")}
    assert files == {file.name: file.read_bytes() for file in COMMITTED.iterdir()}
    kept = [each for each in whole[1].get_asset_check_evaluations() if each.check_name == "contract"]
    assert {f"{each.asset_key.to_user_string()}.odcs.yaml" for each in kept if each.passed} == set(files)
