"""Reads of large results: what a process grows by while it reads them."""

import subprocess
import sys

PEAK = """
import resource, sys
from slipway.resources import PostgresResource
postgres = PostgresResource(url=sys.argv[1])
list(postgres.read("SELECT 1::numeric(12,2) AS amount, 'x' AS note, now() AS at, gen_random_uuid() AS id WHERE :a = 1", {"a": 1}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = held = 0
for batch in postgres.read("SELECT * FROM big WHERE id > :first", {"first": 0}):
    rows, held = rows + batch.num_rows, held + batch.nbytes
print(rows, held // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def peak_growth(postgres) -> tuple[int, int, int]:
    command = [sys.executable, "-c", PEAK, postgres.url()]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    rows, held, growth = (int(number) for number in found)
    return rows, held, growth


def test_memory_is_bounded_on_a_million_rows(postgres):
    postgres.run(
        "CREATE TABLE big AS SELECT g::bigint AS id, (g % 10000 / 100.0)::numeric(12,2) AS amount, "
        "md5(g::text) AS note, now() AS at FROM generate_series(1, 1000000) g"
    )
    rows, held, growth = peak_growth(postgres)
    assert rows == 1_000_000
    assert held > 65_000
    assert growth < 40_000, f"{growth} kB more for {held} kB read"


def test_memory_is_bounded_on_wide_rows(postgres):
    postgres.run(
        "CREATE TABLE big AS SELECT g::bigint AS id, repeat(md5(g::text), 3000) AS note FROM generate_series(1, 2500) g"
    )
    rows, held, growth = peak_growth(postgres)
    assert rows == 2500
    assert held > 230_000
    assert growth < 130_000, f"{growth} kB more for {held} kB read"
