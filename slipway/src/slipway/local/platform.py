"""Bringing the local platform up and down: the order of things, and what happens to what a crash left.

`up` is written to be run at any time, from any state; each step finds out what is left to do.
"""

import importlib.metadata
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from slipway.graphql import GraphQL
from slipway.local import additions, binaries, instance, locations, pools, postgres, probes, s3
from slipway.local.code_servers import CodeServers
from slipway.local.errors import LocalPlatformError
from slipway.local.first_run import materialize_all
from slipway.local.ports import CHOICE, DEFAULT_BASE, VARIABLE, Ports, check_free, find_base
from slipway.local.programs import DAEMON, POSTGRES, S3, WATCHER, WEBSERVER, Plan
from slipway.local.secrets import load_secrets
from slipway.local.state import StateFolder
from slipway.local.supervision import Supervisor, clear_leftovers, leftovers, stop_processes
from slipway.progress import Steps
from slipway.repository import CodeLocation, Repository

# A fresh platform with its demo data takes 0.4 GB; a full disk in the middle of a run is worse than an early word.
NEEDED_BYTES = 600 * 1024**2


@dataclass(frozen=True)
class Options:
    """What a user can choose of `up`.

    Attributes:
        materialize: run each code location's first job if it has never succeeded.
        demo_arguments: by code location, appended to its demo command, for example `--orders 1000`.
    """

    materialize: bool = True
    demo_arguments: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass
class LocalPlatform:
    """One platform: a checkout, its state folder, and a place to report to."""

    repository: Repository
    state: StateFolder
    steps: Steps

    @property
    def supervisor(self) -> Supervisor:
        """The supervisord of this state folder."""
        return Supervisor(self.state)

    def ports(self) -> Ports:
        """Return the ports: `$SLIPWAY_PORT` (a base number or `auto`), else those of the last start.

        Raises:
            LocalPlatformError: the variable holds neither a usable number nor `auto`.
        """
        chosen = os.environ.get(VARIABLE, "")
        remembered = self.state.read_marker().get("port")
        if chosen == "auto":
            return Ports(remembered or find_base(len(self.repository.code_locations)))
        if chosen and not (chosen.isdecimal() and int(chosen) in CHOICE):
            raise LocalPlatformError(
                f"{VARIABLE}={chosen!r} is no port.",
                f"Use a number from {CHOICE[0]} to {CHOICE[-1]}, or auto.",
            )
        return Ports(int(chosen) if chosen else remembered or DEFAULT_BASE)

    def up(self, options: Options) -> None:
        """Bring everything up from whatever state it is in.

        Raises:
            LocalPlatformError: a step failed. What runs stays up; calling again goes on from there.
        """
        with self.state.locked(), self.steps.shown():
            self.state.create()
            marker = self.state.read_marker()
            running = self.supervisor.is_running()
            ports = self.ports()
            if running and ports.base != marker.get("port"):
                raise LocalPlatformError(
                    f"The platform runs already, on port {marker.get('port')}.",
                    "Run `make down` before you move it.",
                )
            if not running:
                self._clear_way(ports)
            with ThreadPoolExecutor(1) as background:
                # Building it takes a minute, once; nothing but the runs needs it.
                building = background.submit(self._build_s3_server)
                plan = self._prepare(ports, running=running)
                additions.take_in(plan, self.supervisor)
                self._start_postgres(plan)
                self._start_dagster(
                    plan, options, migrate=not running and marker.get("dagster") != _dagster_version()
                )
                building.result()
            self._start_s3(plan)
            web = GraphQL(ports.webserver)
            additions.announce(plan, self.supervisor, web)
            self._check_locations(CodeServers(plan, self.supervisor), web)
            self._apply_pools(web)
            if options.materialize:
                materialize_all(web, self.repository.code_locations, self.steps)

    def down(self) -> bool:
        """Stop everything and keep the data; return whether anything ran.

        Runs are told first, while Postgres can still take their last words, so that the next `up`
        retries them.
        """
        with self.state.locked(), self.steps.shown():
            supervisor = self.supervisor
            if not supervisor.is_running():
                return clear_leftovers(self.state) > 0
            with self.steps.step("Stopping Dagster"):
                # The watcher first, for none of this is news; then the daemon, so that nothing new starts; a code
                # server waits for its runs to end.
                for process in reversed(supervisor.processes()):
                    if process.name in (WATCHER, DAEMON):
                        supervisor.stop(process.name)
                # SIGINT is what Dagster takes for an interruption; after SIGTERM a run ends without a word.
                stop_processes(supervisor.runs(), signal.SIGINT)
                for process in reversed(supervisor.processes()):
                    if process.name not in (POSTGRES, S3):
                        supervisor.stop(process.name)
            with self.steps.step("Stopping Postgres and the S3 server"):
                supervisor.shut_down()
            return True

    def clean(self) -> None:
        """Delete the state folder and Postgres' data, wherever they lie. Call `down` before."""
        data = postgres.data_folder(self.state)
        with self.state.locked():
            for folder in (data, data.with_name(data.name + "-socket"), self.state.sockets):
                shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(self.state.path)

    def reload(self, names: Sequence[str]) -> None:
        """Restart code servers (all of them by default) and let the webserver read them anew."""
        chosen = [self.repository.code_location(name) for name in names] or self.repository.code_locations
        with self.state.locked(), self.steps.shown():
            if not self.supervisor.is_running():
                raise LocalPlatformError("The platform does not run.", "Start it with `make up`.")
            plan = self._plan(self.ports(), self.state)
            servers, web = CodeServers(plan, self.supervisor), GraphQL(plan.ports.webserver)
            for location in chosen:
                locations.prepare(location)
                servers.restart(location, web)
            self._check_locations(servers, web)
            self._apply_pools(web)

    def _clear_way(self, ports: Ports) -> None:
        if leftovers(self.state):
            with self.steps.step("Clearing away what a crash left behind") as say:
                say(f"{clear_leftovers(self.state)} processes")
        check_free(ports.all(len(self.repository.code_locations)))
        free = shutil.disk_usage(self.state.path).free
        if free < NEEDED_BYTES:
            raise LocalPlatformError(
                f"Only {free / 1e6:.0f} MB are free where {self.state.path} lies; {NEEDED_BYTES / 1e6:.0f} MB are needed.",
                "Make room, or choose another place: SLIPWAY_STATE=/path/with/room make up",
            )

    def _prepare(self, ports: Ports, *, running: bool) -> Plan:
        """Make sure that every program and data directory is there, and supervisord runs."""
        places = self.repository.code_locations
        with ThreadPoolExecutor(len(places)) as pool:
            for future in [pool.submit(self._install, location) for location in places]:
                future.result()
        plan = self._plan(ports, self.state)
        if not running:
            s3.make_buckets(self.state)
            for location in places:
                locations.make_folders(location, plan)
            instance.write_settings(plan)
            self.supervisor.launch(plan.programs())
            self.state.write_marker(port=ports.base, slipway=importlib.metadata.version("slipway"))
        return plan

    def _plan(self, ports: Ports, state: StateFolder) -> Plan:
        secrets = load_secrets(state)
        server = postgres.prepare(state, binaries.find_postgres(), ports.postgres, secrets)
        program = binaries.s3_server_path(self.repository.versions)
        return Plan(self.repository, state, ports, secrets, server, program)

    def _build_s3_server(self) -> None:
        with self.steps.step("S3 server's program") as say:
            binaries.find_s3_server(self.repository.versions, say)

    def _install(self, location: CodeLocation) -> None:
        with self.steps.step(f"Environment of {location.name}"):
            locations.install(location)
            # One that can't be prepared can't be loaded, and is reported as that; the others are served.
            with suppress(LocalPlatformError):
                locations.prepare(location)

    def _start_postgres(self, plan: Plan) -> None:
        with self.steps.step("Postgres"):
            self.supervisor.start(POSTGRES)
            probes.wait_for(self.supervisor, POSTGRES, lambda: probes.postgres_serves(plan))
            with postgres.connect(plan.postgres, plan.secrets) as connection:
                postgres.ensure_role(connection, postgres.DAGSTER, plan.secrets.dagster_password)
                postgres.ensure_database(connection, postgres.DAGSTER, postgres.DAGSTER)
                for location in self.repository.code_locations:
                    locations.ensure_database(location, plan, connection)

    def _start_s3(self, plan: Plan) -> None:
        with self.steps.step("S3 server"):
            self.supervisor.start(S3)
            probes.wait_for(self.supervisor, S3, lambda: probes.s3_serves(plan))

    def _start_dagster(self, plan: Plan, options: Options, *, migrate: bool) -> None:
        servers = CodeServers(plan, self.supervisor)
        servers.start()
        if not self.supervisor.process(DAEMON).running:
            with self.steps.step("Dagster's database") as say:
                interrupted = instance.prepare_instance(plan, migrate=migrate)
                if interrupted:
                    say(f"{interrupted} interrupted runs are handed to the daemon")
                self.state.write_marker(dagster=_dagster_version())
        servers.wait()
        for name in (WEBSERVER, DAEMON, WATCHER):
            self.supervisor.start(name)
        for location in self.repository.code_locations:
            if locations.wants_demo(location, plan):
                with self.steps.step(f"Demo data of {location.name}") as say:
                    locations.load_demo(location, plan, options.demo_arguments.get(location.name, ()), say)
        with self.steps.step("Webserver, daemon and watcher"):
            web = GraphQL(plan.ports.webserver)
            probes.wait_for(self.supervisor, WEBSERVER, web.answers)
            for name in (DAEMON, WATCHER):
                probes.wait_for(self.supervisor, name, partial(self._runs, name))

    def _runs(self, name: str) -> bool:
        return self.supervisor.process(name).running

    def _check_locations(self, servers: CodeServers, web: GraphQL) -> None:
        with self.steps.step("Code locations") as say:
            say(", ".join(servers.check(web)))

    def _apply_pools(self, web: GraphQL) -> None:
        """Bring pools that were changed while the platform runs; a start has them from `prepare_instance`."""
        with self.steps.step("Pools") as say:
            wanted = pools.declared(self.repository.code_locations)
            say("; ".join(pools.apply_over_graphql(web, wanted)) or ", ".join(wanted) or "none declared")


def _dagster_version() -> str:
    return importlib.metadata.version("dagster")
