"""How long runs take from their launch to their start and end, and what an idle platform costs: ours against the official chart.

Two platforms in one cluster, each in a namespace of its own: the official charts with their default values, and ours. Both run the
same jobs (bench/launch/jobs.py) in the same image, on Postgres of the same chart, with an executor that is each one's default. Launches
take turns, so that what else the machine does hits both. A launch begins when the request is sent; the start and the end are the run's own
times in Dagster's event log: with a cluster on another machine the clocks have to agree.

Prints figures; asserts nothing, and writes nothing into the checkout. `make bench-launch`.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from rich.console import Console

import figures
from figures import Measured
from slipway.cluster.tools import find_tools
from slipway.deploy import charts, deployment, images
from slipway.deploy.deployment import Deployment
from slipway.deploy.releases import Releases
from slipway.deploy.verification import webserver_pods
from slipway.graphql import GraphQL
from slipway.progress import Steps
from slipway.repository import find_root, read_repository

HERE = Path(__file__).parent / "launch"
DEFAULT, OURS = "default", "slipway"
PORTS = {DEFAULT: 80, OURS: 3000}
LOCATION = "bench"
JOBS = {"3 assets": "three_assets", "10 ops": "ten_ops"}
BURST_JOB = "one_op"
WARM_JOB = "warm_op"
AIMS = {"start": 0.35, "3 assets": 0.25, "10 ops": 0.12, "burst": 0.6, "idle CPU": 0.4}
_RUN_SECONDS = 300
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
_NO_POD_SECURITY = [f"pod-security.kubernetes.io/{mode}-" for mode in ("enforce", "warn", "audit")]
PARTS = {
    "webserver": "dagster-dagster-webserver",
    "daemon": "dagster-daemon",
    "code location": "bench-",
    "warm worker": "bench-warm-",
    "Postgres": "postgres",
    "S3": "s3",
}
_TIMES = (
    "query($run: ID!) { runOrError(runId: $run) { ... on Run { status creationTime startTime endTime } } }"
)


class RunFailedError(RuntimeError):
    """A run that does nothing did not succeed; its time means nothing."""


@dataclass
class Platform:
    """One of the two, and what was measured of it: seconds by what they are of."""

    name: str
    api: GraphQL
    seconds: Measured = field(default_factory=dict)

    def launch(self, job: str) -> tuple[str, float]:
        """Launch a run; return its id and when the request was sent."""
        began = time.time()
        return self.api.launch(LOCATION, job, {}), began

    def times(self, run: str, poll_seconds: float = 0.5) -> tuple[float, float]:
        """Wait for a run's end; return when it started and when it ended."""
        deadline = time.monotonic() + _RUN_SECONDS
        while (found := self.api.ask(_TIMES, run=run)["runOrError"])["status"] not in _ENDED:
            if time.monotonic() > deadline:
                raise RunFailedError(f"{self.name}: run {run} is still {found['status']}")
            time.sleep(poll_seconds)
        if found["status"] != "SUCCESS":
            raise RunFailedError(
                f"{self.name}: run {run} ended with {found['status']}: {self.api.failure(run)}"
            )
        return float(found["startTime"]), float(found["endTime"])

    def note(self, what: str, seconds: float) -> None:
        """Add a measurement."""
        self.seconds.setdefault(what, []).append(seconds)


def main() -> None:
    """Deploy, measure, print, clean up."""
    given = _arguments()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    plans = [_plan(name, Steps(console)) for name in (DEFAULT, OURS)]
    idle: dict[str, dict[str, float]] = {}
    try:
        for planned in plans:
            _deploy(planned, Steps(console))
        with ExitStack() as open_:
            default, ours = (Platform(each.environment, open_.enter_context(_api(each))) for each in plans)
            _warm_up((default, ours))
            console.print(f"load before: {_load()}")
            if given.idle_seconds:
                idle = _idle(plans, given.idle_seconds)
            _latencies((default, ours), given.rounds, console)
            _burst((default, ours), given.burst, console)
            console.print(f"load after: {_load()}")
    finally:
        if not given.keep:
            _delete(plans, console)
    console.print(figures.latencies(default.seconds, ours.seconds, AIMS))
    if idle:
        console.print(figures.idle(idle[DEFAULT], idle[OURS], PARTS, AIMS))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-launch", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=10, help="launches of each job on each platform; %(default)s"
    )
    parser.add_argument(
        "--burst", type=int, default=100, help="runs that are launched at once; 0 for none; %(default)s"
    )
    parser.add_argument(
        "--idle-seconds",
        type=int,
        default=120,
        help="how long to watch both do nothing; 0 for not; %(default)s",
    )
    parser.add_argument("--keep", action="store_true", help="leave both platforms for the next call")
    return parser.parse_args()


def _plan(name: str, steps: Steps) -> Deployment:
    repository = read_repository(find_root())
    releases = Releases.model_validate(yaml.safe_load((HERE / "releases.yaml").read_text()))
    target = releases.target(name)
    tools = find_tools(repository, steps)
    charts.fetch(tools.helm, repository.versions["DAGSTER_VERSION"])
    builder = images.builder_of(repository, tools.engine, lambda _: None)
    planned = Deployment(
        repository.root,
        name,
        releases,
        images.tags(repository, builder),
        *deployment.connection(target, tools.kubectl, tools.helm),
    )
    with steps.step(f"{name}: images") as say:
        images.ensure(repository, builder, target.registry, releases.of(name), say)
    return planned


def _deploy(planned: Deployment, steps: Steps) -> None:
    deployment.prepare_namespace(planned, lambda _: None)
    if planned.environment == DEFAULT:
        # Its pods say nothing of their security.
        planned.cluster.run("label", "namespace", planned.cluster.namespace, *_NO_POD_SECURITY)
    planned.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "bench-jobs"},
            "data": {"jobs.py": (HERE / "jobs.py").read_text()},
        }
    )
    deployment.deploy(planned, planned.releases.of(planned.environment), steps)


def _delete(plans: Sequence[Deployment], console: Console) -> None:
    for planned in plans:
        console.print(f"deleting the namespace {planned.cluster.namespace}")
        planned.cluster.run("delete", "namespace", planned.cluster.namespace, "--ignore-not-found")
        # Of the whole cluster, and named by its namespace.
        planned.cluster.run(
            "delete", "priorityclass", f"{planned.cluster.namespace}-runs", "--ignore-not-found"
        )


@contextmanager
def _api(planned: Deployment) -> Iterator[GraphQL]:
    cluster = planned.cluster
    with cluster.forwarded(webserver_pods(cluster)[0], PORTS[planned.environment]) as port:
        api = GraphQL(port)
        deadline = time.monotonic() + _RUN_SECONDS
        while not any(each.name == LOCATION and not (each.loading or each.error) for each in api.locations()):
            if time.monotonic() > deadline:
                raise RunFailedError(f"{planned.environment} does not serve {LOCATION}: {api.locations()}")
            api.reload_workspace()
            time.sleep(3)
        yield api


def _warm_up(platforms: Sequence[Platform]) -> None:
    """Run each job once: the first run of a platform meets cold caches."""
    for platform in platforms:
        for job in (*JOBS.values(), BURST_JOB, WARM_JOB):
            platform.times(platform.launch(job)[0])


def _latencies(platforms: Sequence[Platform], rounds: int, console: Console) -> None:
    for number in range(rounds):
        # A B, B A, A B ...: neither always comes after the other.
        for platform in platforms if number % 2 == 0 else reversed(platforms):
            for what, job in JOBS.items():
                run, began = platform.launch(job)
                started, ended = platform.times(run)
                platform.note("start", started - began)
                platform.note(what, ended - began)
            run, began = platform.launch(WARM_JOB)
            started, ended = platform.times(run)
            platform.note("warm lane, start", started - began)
            platform.note("warm lane, one op", ended - began)
        last = "; ".join(f"{each.name} {_last(each.seconds)}" for each in platforms)
        console.print(f"  round {number + 1} of {rounds}, load {_load()}: {last}")


def _burst(platforms: Sequence[Platform], size: int, console: Console) -> None:
    """Launch many runs at once; note the time from the first launch to the last end."""
    for platform in platforms if size else ():
        with ThreadPoolExecutor(4) as threads:
            launched = list(threads.map(platform.launch, [BURST_JOB] * size))
        ends = [platform.times(run, 2)[1] for run, _ in launched]
        platform.note(f"burst of {size}", max(ends) - min(began for _, began in launched))
        console.print(
            f"  burst on {platform.name}: {platform.seconds[f'burst of {size}'][0]:.0f} s, load {_load()}"
        )


def _idle(plans: Sequence[Deployment], seconds: int) -> dict[str, dict[str, float]]:
    """Return the millicores that each platform's pods took while nothing was asked of them, by platform and pod."""
    before, began = _cpu_seconds(plans), time.monotonic()
    time.sleep(seconds)
    after, passed = _cpu_seconds(plans), time.monotonic() - began
    return {
        name: {
            pod: (after[name][pod] - used) / passed * 1000 for pod, used in pods.items() if pod in after[name]
        }
        for name, pods in before.items()
    }


def _cpu_seconds(plans: Sequence[Deployment]) -> dict[str, dict[str, float]]:
    """Return what each pod has used since it began, by platform and pod: the counters of its cgroups, from the kubelet."""
    cluster = plans[0].cluster
    found: dict[str, dict[str, float]] = {planned.environment: {} for planned in plans}
    named = {planned.cluster.namespace: planned.environment for planned in plans}
    for node in cluster.find("nodes"):
        path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        for pod in json.loads(cluster.run("get", "--raw", path))["pods"]:
            name = named.get(pod["podRef"]["namespace"])
            if name:
                nanoseconds = sum(each["cpu"]["usageCoreNanoSeconds"] for each in pod.get("containers", []))
                found[name][pod["podRef"]["name"]] = nanoseconds / 1e9
    return found


def _last(seconds: Measured) -> str:
    return ", ".join(f"{what} {values[-1]:.1f} s" for what, values in seconds.items())


def _load() -> str:
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


if __name__ == "__main__":
    main()
