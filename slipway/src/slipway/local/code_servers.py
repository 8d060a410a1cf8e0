"""The code servers of a platform: that they listen, that what they serve is loaded, and new starts of those that fail.

Does not belong here: environments and databases of code locations (`locations`), and the order of a whole start
(`platform`).
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from slipway.errors import indented
from slipway.graphql import GraphQL, LocationStatus
from slipway.local import probes
from slipway.local.errors import LocalPlatformError
from slipway.local.programs import Plan, code_server_name
from slipway.local.supervision import Supervisor
from slipway.repository import CodeLocation


@dataclass(frozen=True)
class CodeServers:
    """The code servers that `plan` lists, under `supervisor`."""

    plan: Plan
    supervisor: Supervisor

    def start(self) -> None:
        """Start those that do not run; returns at once."""
        for location in self.plan.repository.code_locations:
            self.supervisor.start(code_server_name(location))

    def wait(self) -> None:
        """Wait until they listen: a daemon that finds one missing drops the retries of its runs."""
        for location in self.plan.repository.code_locations:
            # One that does not come up must not hold back the others; `check` reports it.
            with suppress(LocalPlatformError):
                self._wait_for(location)

    def restart(self, location: CodeLocation, web: GraphQL) -> None:
        """Start one anew, and let the webserver read its code location again.

        Raises:
            LocalPlatformError: it does not come up.
        """
        name = code_server_name(location)
        self.supervisor.stop(name)
        self.supervisor.start(name)
        self._wait_for(location)
        web.reload(location.name)

    def check(self, web: GraphQL) -> list[str]:
        """Wait until every code location is loaded, restart once those that fail, and return their names.

        Raises:
            LocalPlatformError: some can't be loaded; the message carries their errors.
        """
        for status in self._settled(web):
            if status.error:
                self.restart(self.plan.repository.code_location(status.name), web)
        states = self._settled(web)
        broken = [status for status in states if status.error]
        if broken:
            raise LocalPlatformError(
                "\n".join(
                    f"Code location {at.name} can't be loaded:\n{indented(at.error or '')}" for at in broken
                ),
                "The others are served. Correct it and run `make up` again, or `make reload`.",
            )
        return [status.name for status in states]

    def _settled(self, web: GraphQL) -> list[LocationStatus]:
        deadline = time.monotonic() + probes.READY_SECONDS
        while True:
            states = web.locations()
            if states and not any(status.loading or _not_up_yet(status) for status in states):
                return states
            if time.monotonic() > deadline:
                return states
            for status in states:
                if _not_up_yet(status):
                    web.reload(status.name)
            time.sleep(0.2)

    def _wait_for(self, location: CodeLocation) -> None:
        port = self.plan.ports.code_server(self.plan.repository.code_locations.index(location))
        probes.wait_for(self.supervisor, code_server_name(location), partial(probes.listens, port))


def _not_up_yet(status: LocationStatus) -> bool:
    """Whether the error is only that the code server was not listening when the webserver asked."""
    return "Could not reach user code server" in (status.error or "")
