"""Code locations that `dg.toml` has got since the platform was started: served while the others run on.

Belongs here: what is told to supervisord, the webserver and the daemon. Does not belong here: the order of a
whole start (`platform`).
"""

import yaml

from slipway.graphql import GraphQL
from slipway.local import instance, locations
from slipway.local.errors import LocalPlatformError
from slipway.local.ports import check_free
from slipway.local.programs import DAEMON, Plan, code_server_name
from slipway.local.supervision import Supervisor


def take_in(plan: Plan, supervisor: Supervisor) -> None:
    """Give supervisord the code servers that it does not know yet; they are not started.

    Raises:
        LocalPlatformError: a port is taken, or `dg.toml` lists a new location before one that runs, whose
            port would move.
    """
    places = plan.repository.code_locations
    known = {process.name for process in supervisor.processes()}
    added = [location for location in places if code_server_name(location) not in known]
    if not added:
        return
    moved = _moved(plan)
    if moved:
        raise LocalPlatformError(
            f"dg.toml lists other code locations before {moved}, whose port would move while it runs.",
            "List new ones at the end, or run `make down` first.",
        )
    check_free({location.name: plan.ports.code_server(places.index(location)) for location in added})
    for location in added:
        locations.make_folders(location, plan)
    instance.write_settings(plan)
    supervisor.add(plan.programs(), [code_server_name(location) for location in added])


def announce(plan: Plan, supervisor: Supervisor, web: GraphQL) -> None:
    """Make webserver and daemon read the workspace anew if it lists what they do not know; code servers listen.

    The daemon would do so by itself within a minute, but fails what it dequeues of a location that it does not
    know. It is restarted: runs and code servers do not depend on it.
    """
    served = {status.name for status in web.locations()}
    if any(location.name not in served for location in plan.repository.code_locations):
        supervisor.stop(DAEMON)
        supervisor.start(DAEMON)
        web.reload_workspace()


def _moved(plan: Plan) -> str | None:
    """Return a location whose port in the workspace that is served differs from the one it would get."""
    places = plan.repository.code_locations
    ports = {location.name: plan.ports.code_server(index) for index, location in enumerate(places)}
    served = yaml.safe_load(plan.workspace.read_text())["load_from"]
    entries = {entry["grpc_server"]["location_name"]: entry["grpc_server"]["port"] for entry in served}
    return next((name for name, port in entries.items() if ports.get(name, port) != port), None)
