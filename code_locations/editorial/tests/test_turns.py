"""Who waits for whom when several want to load."""

import time
from concurrent.futures import ThreadPoolExecutor

from newsroom import Newsroom

from editorial import ledger
from editorial.ledger import turn
from editorial.publishers import BY_NAME
from slipway.resources import PostgresResource


def enter(newsroom: Newsroom, publisher: str) -> None:
    with turn(PostgresResource(url=newsroom.warehouse.url), BY_NAME[publisher], "run"):
        pass


def wait_for_waiting(newsroom: Newsroom) -> None:
    deadline = time.monotonic() + 60
    while not newsroom.count("pg_locks", "locktype = 'advisory' AND NOT granted"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_first_load_of_a_warehouse_goes_alone(newsroom: Newsroom) -> None:
    with ThreadPoolExecutor(1) as pool:
        with turn(PostgresResource(url=newsroom.warehouse.url), BY_NAME["mind"], "run"):
            other = pool.submit(enter, newsroom, "ebnerd")
            wait_for_waiting(newsroom)
            assert not other.done()
        other.result(60)


def test_later_loads_wait_for_those_of_their_publisher_only(newsroom: Newsroom) -> None:
    newsroom.warehouse.run("CREATE SCHEMA raw", "CREATE SCHEMA raw_staging")
    newsroom.warehouse.run(*(f"CREATE TABLE {name} ()" for name in ledger._OF_DLT))
    with ThreadPoolExecutor(2) as pool:
        with turn(PostgresResource(url=newsroom.warehouse.url), BY_NAME["mind"], "run"):
            pool.submit(enter, newsroom, "ebnerd").result(60)
            same = pool.submit(enter, newsroom, "mind")
            wait_for_waiting(newsroom)
            assert not same.done()
        same.result(60)
