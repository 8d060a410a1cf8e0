"""A real local platform for tests: started by the `slipway` command itself, on free ports, in a folder of its own."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import obstore
import psutil
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import S3Store

from slipway.graphql import GraphQL
from slipway.local.ports import Ports
from slipway.local.state import StateFolder
from slipway.local.supervision import Supervisor, leftovers

ROOT = Path(__file__).resolve().parents[2]
SLIPWAY = Path(sys.executable).with_name("slipway")
UV = ROOT / "tools" / "uv"
# Make hands its own settings on to a make that it runs.
NOT_INHERITED = (
    "ORDERS_SOURCE_URL",
    "EDITORIAL_WAREHOUSE_URL",
    "EDITORIAL_RAW_DOWNLOAD",
    "FORCE_COLOR",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
)


@dataclass
class Platform:
    """One local platform, running or not."""

    state: StateFolder
    root: Path = ROOT

    def slipway(
        self, *arguments: str, timeout: float = 450, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the `slipway` command on this platform and return what it said, whatever its exit code."""
        return self._run([str(SLIPWAY), *arguments], timeout, variables)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the `slipway` command, to be interrupted: what a test starts may have inherited that it ignores that."""
        return subprocess.Popen(
            ["env", "--default-signal=INT", str(SLIPWAY), *arguments],
            env=self._environment({}),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def make(
        self, *arguments: str, timeout: float = 450, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `make` in the checkout, as people do."""
        return self._run(["make", *arguments], timeout, variables)

    def shell(self, command: str, timeout: float = 450) -> subprocess.CompletedProcess[str]:
        """Run a line of a document in the checkout."""
        return self._run(["sh", "-euc", command], timeout, {})

    def _run(
        self, command: list[str], timeout: float, variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self._environment(variables),
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        own = {
            "SLIPWAY_STATE": str(self.state.path),
            "SLIPWAY_PORT": "auto",
            "UV": str(UV),
            "COLUMNS": "200",
        }
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        return {**inherited, **own, **variables}

    def up(self, *arguments: str, **variables: str) -> str:
        """Bring it up, or fail with what it said; return that."""
        done = self.slipway("up", *arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def ports(self) -> Ports:
        return Ports(self.state.read_marker()["port"])

    @property
    def web(self) -> GraphQL:
        return GraphQL(self.ports.webserver)

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.state)

    def settings(self, process: str) -> dict[str, str]:
        """Return the environment variables that a process was started with."""
        lines = (self.state.programs / f"{process}.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def table(self, path: str, process: str = "orders") -> pa.Table:
        """Read one Parquet object of the assets' bucket as that process may, with nothing of slipway's own."""
        settings = self.settings(process)
        store = S3Store(
            "assets",
            endpoint=settings["AWS_ENDPOINT_URL"],
            access_key_id=settings["AWS_ACCESS_KEY_ID"],
            secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            region=settings["AWS_REGION"],
            client_options={"allow_http": True},
        )
        return pq.read_table(pa.BufferReader(obstore.get(store, path).bytes()))

    def connect(self, database: str) -> psycopg.Connection:
        """Connect to one of its databases as superuser."""
        password = json.loads((self.state.path / "secrets.json").read_text())["postgres_password"]
        url = f"postgresql://postgres:{password}@127.0.0.1:{self.ports.postgres}/{database}"
        return psycopg.connect(url, autocommit=True)

    def kill(self, process: str) -> None:
        """Kill one process the hard way, and wait until it is gone."""
        victim = psutil.Process(self.supervisor.process(process).pid)
        victim.kill()
        victim.wait(60)

    def kill_everything(self) -> None:
        """Kill every process of it the hard way, supervisord and runs included, as a power cut would."""
        # Again and again: what dies last may have started something in the meantime.
        while found := leftovers(self.state):
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=5)

    def wait_for_run(self, run_id: str, timeout: float = 120) -> str:
        """Wait until a run has ended and return its status."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            status = self.web.progress(run_id).status
            if status in ("SUCCESS", "FAILURE", "CANCELED"):
                return status
            time.sleep(0.3)
        raise AssertionError(f"run {run_id} is still {status} after {timeout} s")

    def wait_until_up(self, process: str, timeout: float = 120) -> None:
        """Wait until supervisord has brought a process (back) up."""
        deadline = time.monotonic() + timeout
        while not self.supervisor.process(process).running:
            assert time.monotonic() < deadline, self.supervisor.log_tail(process)
            time.sleep(0.2)
