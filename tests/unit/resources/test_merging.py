"""Rows that are merged into a table by a key."""

import datetime as dt
import threading

import pandas as pd
import pyarrow as pa
import pytest

from slipway.resources.postgres import MergedRows
from slipway.resources.postgres.errors import (
    MissingRelationError,
    RefusedDataError,
)


@pytest.fixture
def customers(postgres):
    postgres.run(
        "CREATE TABLE customers (id bigint PRIMARY KEY, \"Full Name\" text, city text DEFAULT '?', extra json, changes int DEFAULT 0)",
        "INSERT INTO customers (id, \"Full Name\", extra) VALUES (1, 'Ada', '{\"a\": 1}'), (2, NULL, NULL)",
        "CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.changes = OLD.changes + 1; RETURN NEW; END $$",
        "CREATE TRIGGER changed BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION count_change()",
    )
    return postgres


def test_merge_inserts_updates_and_leaves_alone(customers):
    resource = customers.resource()
    given = pa.table({"id": [1, 2, 3], "Full Name": ["Ada", "Bob", "Cy"]})
    assert resource.merge("customers", given, ["id"]) == MergedRows(inserted=1, updated=1, unchanged=1)
    found = customers.rows('SELECT id, "Full Name", city, changes FROM customers ORDER BY id')
    assert found == [(1, "Ada", "?", 0), (2, "Bob", "?", 1), (3, "Cy", "?", 0)]
    assert resource.merge("customers", given, ["id"]) == MergedRows(0, 0, 3)
    assert customers.rows("SELECT sum(changes) FROM customers") == [(1,)]


def test_merge_compares_nulls_and_json(customers):
    given = pd.DataFrame({"id": [1, 2], "Full Name": [None, None], "extra": ['{"a": 1}', '{"b": 2}']})
    assert customers.resource().merge("customers", given, ["id"]) == MergedRows(0, 2, 0)
    assert customers.resource().merge("customers", given, ["id"]) == MergedRows(0, 0, 2)
    assert customers.rows('SELECT "Full Name" FROM customers') == [(None,), (None,)]


def test_merge_of_the_key_alone_inserts_what_is_missing(customers):
    assert customers.resource().merge("customers", pa.table({"id": [2, 9]}), ["id"]) == MergedRows(1, 0, 1)


def test_merge_on_several_columns(postgres):
    postgres.run(
        "CREATE TABLE t (day date, id int, n int, UNIQUE (id, day))",
        "INSERT INTO t VALUES ('2026-01-02', 1, 1)",
    )
    given = pa.table({"day": [dt.date(2026, 1, 2), dt.date(2026, 1, 3)], "id": [1, 1], "n": [5, 6]})
    assert postgres.resource().merge("t", given, ["day", "id"]) == MergedRows(1, 1, 0)
    assert postgres.rows("SELECT n FROM t ORDER BY day") == [(5,), (6,)]


def test_merge_refuses_keys_that_are_no_keys(customers):
    resource = customers.resource()
    with pytest.raises(
        RefusedDataError, match=r'same key \("id"\) more than once: \(7\) 2 times; \(8\) 3 times'
    ):
        resource.merge("customers", pa.table({"id": [7, 8, 7, 8, 8, 9]}), ["id"])
    with pytest.raises(RefusedDataError, match="NULL in the key"):
        resource.merge("customers", pa.table({"id": [7, None]}), ["id"])
    with pytest.raises(RefusedDataError, match=r'no unique index on exactly "city".*ADD UNIQUE \("city"\)'):
        resource.merge("customers", pa.table({"id": [7], "city": ["a"]}), ["city"])
    with pytest.raises(RefusedDataError, match="lack the key's columns id"):
        resource.merge("customers", pa.table({"city": ["a"]}), ["id"])
    with pytest.raises(MissingRelationError, match=r"no column idd \(similar: id\)"):
        resource.merge("customers", pa.table({"id": [7]}), ["idd"])
    with pytest.raises(ValueError, match="list of columns"):
        resource.merge("customers", pa.table({"id": [7]}), "id")
    assert customers.rows("SELECT count(*) FROM customers") == [(2,)]


def test_a_partial_or_wider_index_is_no_key(postgres):
    postgres.run(
        "CREATE TABLE t (a int, b int)",
        "CREATE UNIQUE INDEX ON t (a, b)",
        "CREATE UNIQUE INDEX ON t (a) WHERE b > 0",
    )
    with pytest.raises(RefusedDataError, match="no unique index"):
        postgres.resource().merge("t", pa.table({"a": [1]}), ["a"])
    postgres.run("CREATE UNIQUE INDEX ON t (a) INCLUDE (b)")
    assert postgres.resource().merge("t", pa.table({"a": [1]}), ["a"]) == MergedRows(1, 0, 0)


def test_concurrent_merges_neither_double_nor_deadlock(customers):
    resource, outcomes = customers.resource(), []

    def merge(order):
        outcomes.append(
            resource.merge("customers", pa.table({"id": order, "city": ["a"] * len(order)}), ["id"])
        )

    ids = list(range(1, 2001))
    threads = [threading.Thread(target=merge, args=(order,)) for order in (ids, ids[::-1], ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.inserted for outcome in outcomes) == [0, 0, 0, 1998]
    assert sum(outcome.updated for outcome in outcomes) == 2
