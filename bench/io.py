"""Benchmark the Parquet IO manager against dagster_aws' S3PickleIOManager, on one S3 server, in one run.

    .venv/bin/python bench/io.py [--mb 200] [--rounds 5]

It starts an S3 server (versitygw) of its own in a temporary folder. Each operation runs in a fresh
process, the two managers alternating, so that neither time nor memory of one is in the other's figures.
Operations are the managers' own `handle_output` and `load_input`, with their defaults:

    write       the frame, made beforehand, to S3
    read        all of it into a pandas DataFrame
    one column  `amount` as a DataFrame; the pickle manager can only read all and drop the rest
    round trip  write and read, the sum of the two medians

Peak memory is the highest resident size of the process during the operation (VmHWM, reset before it).
It includes the interpreter with Dagster and pandas and, when writing, the frame itself. `beyond the
frame` is that peak without what the process had before the operation, and without the frame when reading.

The frame is made like lines of orders: 4 integers (a running number, two keys, a quantity), 4 floats
(prices in cents, a rate, a weight of full precision), 2 timestamps (one rising, one with gaps), 3 strings
of few values, 1 of 5,000, and 2 of as many as rows (a reference of 16 characters; a mail address).
"""

# ruff: noqa: A005, PLC0415 - `make bench-io`; and an operation pays for its own imports only
import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BUCKET = "bench"
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret", "AWS_REGION": "us-east-1"}
MANAGERS = ("parquet", "pickle")
OPERATIONS = ("write", "read", "one column")
AIMS = {"bytes": 0.35, "one column": 0.1, "peak memory": 0.6, "round trip": 1.0}
ROW_BYTES = 181
LATE_SHARE = 0.08
MEBI = 1024 * 1024


def make_frame(rows: int) -> Any:
    """Return the frame that the module's docstring describes; the same for the same number of rows."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(7)
    ordered = np.datetime64("2026-01-01", "us") + np.cumsum(random.integers(1, 30_000_000, rows)).astype(
        "m8[us]"
    )
    shipped = ordered + random.integers(3_600, 864_000, rows).astype("m8[s]")
    shipped[random.random(rows) < LATE_SHARE] = np.datetime64("NaT")
    quantity = random.integers(1, 12, rows).astype("int16")
    price = np.round(random.lognormal(3, 1, rows), 2)
    customer = random.zipf(1.3, rows).clip(max=200_000)
    return pd.DataFrame(
        {
            "line_id": np.arange(rows, dtype="int64"),
            "customer_id": customer,
            "product_id": random.integers(1, 5_000, rows).astype("int32"),
            "quantity": quantity,
            "unit_price": price,
            "discount": random.choice([0.0, 0.05, 0.1, 0.2], rows, p=[0.7, 0.1, 0.1, 0.1]),
            "amount": np.round(quantity * price, 2),
            "weight_kg": random.gamma(2, 0.7, rows),
            "ordered_at": ordered,
            "shipped_at": shipped,
            "country": _picked(random, ["AT", "BE", "CH", "DE", "DK", "FR", "IT", "NL", "PL", "SE"], rows),
            "currency": _picked(random, ["EUR", "CHF", "DKK", "PLN", "SEK"], rows),
            "status": _picked(random, ["delivered", "shipped", "returned", "cancelled"], rows),
            "sku": _picked(random, [f"SKU-{number:06d}" for number in range(5_000)], rows),
            "reference": pd.Series(_hex(random, rows), dtype="str"),
            "email": pd.Series([f"customer.{number}@mail.example" for number in customer], dtype="str"),
        }
    )


def _picked(random: Any, values: list[str], rows: int) -> Any:
    import pandas as pd

    codes = random.integers(0, len(values), rows)
    return pd.Series(pd.Categorical.from_codes(codes, values)).astype("str")


def _hex(random: Any, rows: int) -> list[str]:
    text = random.bytes(rows * 8).hex()
    return [text[start : start + 16] for start in range(0, rows * 16, 16)]


def make_manager(name: str) -> Any:
    """Return one of the two IO managers, with its defaults."""
    if name == "parquet":
        # What dagster_aws imports at once, slipway.storage imports when it is used: not in the figures either.
        import obstore.store  # noqa: F401
        import pyarrow.pandas_compat
        import pyarrow.parquet  # noqa: F401

        from slipway.storage import ParquetIOManager

        return ParquetIOManager(base_url=f"s3://{BUCKET}/parquet")
    from dagster_aws.s3 import S3PickleIOManager, S3Resource

    server = S3Resource(endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=KEYS["AWS_REGION"])
    return S3PickleIOManager(s3_resource=server, s3_bucket=BUCKET, s3_prefix="pickle")


def memory(field: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def run_operation(manager_name: str, operation: str, rows: int) -> dict[str, float]:
    """Do one operation in this process and return its seconds and bytes of memory."""
    import dagster as dg
    import pandas as pd

    manager = make_manager(manager_name)
    if operation == "write":
        frame = make_frame(rows)
        context: Any = dg.build_output_context(asset_key=dg.AssetKey("frame"))

        def work() -> Any:
            manager.handle_output(context, frame)
            return frame
    else:
        columns = {"columns": ["amount"]} if operation == "one column" else {}
        kind = dg.PythonObjectDagsterType(pd.DataFrame)
        context = dg.build_input_context(
            asset_key=dg.AssetKey("frame"), dagster_type=kind, definition_metadata=columns
        )

        def work() -> Any:
            loaded = manager.load_input(context)
            return loaded[["amount"]] if columns else loaded

    return measured(work, rows, frame_existed=operation == "write")


def measured(work: Callable[[], Any], rows: int, *, frame_existed: bool) -> dict[str, float]:
    """Time `work`, which returns a frame of `rows` rows, and take its highest resident size."""
    import gc

    gc.collect()
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM
    start, start_cpu = time.perf_counter(), time.process_time()
    frame = work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    peak = memory("VmHWM")
    if len(frame) != rows:
        raise AssertionError(f"{len(frame)} rows came back of {rows}")
    size = int(frame.memory_usage(deep=True).sum())
    beyond = peak - before - (0 if frame_existed else size)
    return {"seconds": seconds, "cpu": cpu, "peak": peak, "beyond": beyond, "frame": size}


def main() -> None:
    """Run the benchmark, or with --operation one operation of it."""
    arguments = argparse.ArgumentParser(description="Benchmark the IO manager against S3PickleIOManager")
    arguments.add_argument("--mb", type=int, default=200, help="size of the frame in memory, in MB")
    arguments.add_argument("--rows", type=int, help="rows of the frame, in place of --mb")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--operation", choices=OPERATIONS, help=argparse.SUPPRESS)
    arguments.add_argument("--manager", choices=MANAGERS, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    rows = asked.rows or asked.mb * 1_000_000 // ROW_BYTES
    if asked.operation:
        print(json.dumps(run_operation(asked.manager, asked.operation, rows)))
        return
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        server, environment = start_server(Path(folder))
        try:
            results = run_rounds(asked.rounds, rows, environment)
        finally:
            server.terminate()
            server.wait()
        sizes = {name: stored_bytes(Path(folder) / "data" / BUCKET / name) for name in MANAGERS}
    report(results, sizes, rows, asked.rounds)


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    """Start versitygw on a free port over `folder` and return it with its clients' environment."""
    named = os.environ.get("SLIPWAY_VERSITYGW")
    cached = sorted((Path.home() / ".cache/slipway/bin").glob("versitygw-*"))
    program = named or (str(cached[-1]) if cached else shutil.which("versitygw"))
    if program is None:
        sys.exit("no versitygw: run `make up` once, which builds it, or set SLIPWAY_VERSITYGW")
    (folder / "data" / BUCKET).mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder / "data")]
    keys = {"ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"]}
    server = subprocess.Popen(command, env={**os.environ, **keys}, stdout=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    return server, {**os.environ, **KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


Results = dict[tuple[str, str], list[dict[str, float]]]


def run_rounds(rounds: int, rows: int, environment: dict[str, str]) -> Results:
    """Run every operation with both managers, `rounds` times, the first manager changing each round."""
    results: Results = {(manager, operation): [] for manager in MANAGERS for operation in OPERATIONS}
    for number in range(rounds):
        for operation in OPERATIONS:
            for manager in MANAGERS if number % 2 == 0 else MANAGERS[::-1]:
                print(f"\rround {number + 1}/{rounds}: {operation} {manager:<12}", end="", file=sys.stderr)
                command = [sys.executable, __file__, "--operation", operation, "--manager", manager]
                done = subprocess.run(
                    [*command, "--rows", str(rows)], env=environment, check=True, stdout=subprocess.PIPE
                )
                results[manager, operation].append(json.loads(done.stdout.splitlines()[-1]))
    print(file=sys.stderr)
    return results


def stored_bytes(folder: Path) -> int:
    """Return the size of the objects below a prefix; to versitygw they are plain files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def report(results: Results, sizes: dict[str, int], rows: int, rounds: int) -> None:
    """Print the table and whether each aim was met."""

    def median(manager: str, operation: str, field: str) -> float:
        return statistics.median(each[field] for each in results[manager, operation])

    frame = results["parquet", "write"][0]["frame"]
    print(
        f"{rows:,} rows, {frame / 1e6:.0f} MB in memory, {rounds} rounds, medians, {os.cpu_count()} cores\n"
    )
    print(f"{'':28}{'parquet':>12}{'pickle':>12}{'ratio':>8}  aim")
    for operation in OPERATIONS:
        line(operation, "s", lambda name, op=operation: median(name, op, "seconds"))
    line("round trip", "s", lambda name: median(name, "write", "seconds") + median(name, "read", "seconds"))
    line("one column, CPU", "s", lambda name: median(name, "one column", "cpu"))
    line("round trip, CPU", "s", lambda name: median(name, "write", "cpu") + median(name, "read", "cpu"))
    for operation in ("write", "read"):
        line(f"peak memory, {operation}", "MiB", lambda name, op=operation: median(name, op, "peak") / MEBI)
    line(
        "peak memory",
        "MiB",
        lambda name: max(median(name, op, "peak") for op in ("write", "read")) / MEBI,
    )
    for operation in ("write", "read"):
        line(
            f"  beyond the frame, {operation}",
            "MiB",
            lambda name, op=operation: median(name, op, "beyond") / MEBI,
        )
    line("bytes", "MB", lambda name: sizes[name] / 1e6)


def line(what: str, unit: str, figure: Callable[[str], float]) -> None:
    """Print one line of the table."""
    ours, theirs = figure("parquet"), figure("pickle")
    ratio = ours / theirs
    aim = AIMS.get(what)
    verdict = "" if aim is None else f"{aim:.2f} {'met' if ratio <= aim else 'MISSED'}"
    print(f"{what + ', ' + unit:<28}{ours:>12.2f}{theirs:>12.2f}{ratio:>8.2f}  {verdict}".rstrip())


if __name__ == "__main__":
    main()
