"""`python -m slipway.launch.queued.flower`: Flower (https://flower.readthedocs.io), the page of the lane's queues and workers.

Needs Flower, which the control plane's image has. Whoever gets at the page may stop workers, hence a password in any case: Flower
without one is open to everybody who reaches it, and would only say so in its log.
"""

import argparse
import os

from slipway.launch.queued.app import BROKER_VARIABLE, make_app

LOGIN_VARIABLE = "FLOWER_BASIC_AUTH"
"""Flower's own: `name:password`, several by commas."""
PORT = 5555


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m slipway.launch.queued.flower", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="%(default)s")
    given = parser.parse_args(arguments)
    broker_url = os.environ.get(BROKER_VARIABLE)
    if not broker_url:
        parser.error(
            f"{BROKER_VARIABLE} is not set: the address of the Redis that holds the queues, redis://..."
        )
    name, _, password = os.environ.get(LOGIN_VARIABLE, "").partition(":")
    if not name or not password:
        parser.error(
            f"{LOGIN_VARIABLE} is not set to name:password: without it anybody could stop the workers"
        )
    # Flower goes by the app's queue names, of which each has one for each priority.
    make_app(broker_url).start(["flower", "--address=0.0.0.0", f"--port={given.port}"])


if __name__ == "__main__":
    main()
