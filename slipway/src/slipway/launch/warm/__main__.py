"""`python -m slipway.launch.warm --module-name orders.definitions --location-name orders --places 4`: a warm worker."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import FuturesAwareThreadPoolExecutor
from dagster._grpc.server import DagsterGrpcServer

from slipway.launch.warm import ASSET_JOB, WARM_TAG
from slipway.launch.warm.server import WarmServer

# Runs, and questions about them, come one at a time.
_THREADS = 16


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to end."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logger = logging.getLogger("slipway.launch.warm")
    ended = threading.Event()
    threads = FuturesAwareThreadPoolExecutor(max_workers=_THREADS)
    target = LoadableTargetOrigin(
        executable_path=sys.executable,
        module_name=given.module_name,
        python_file=given.python_file,
        attribute=given.attribute,
        working_directory=given.working_directory,
    )
    context = os.environ.get("DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT")
    servicer = WarmServer(
        places=given.places,
        on_request=given.on_request,
        server_termination_event=ended,
        logger=logger,
        server_threadpool_executor=threads,
        loadable_target_origin=target,
        location_name=given.location_name,
        container_image=os.environ.get("DAGSTER_CURRENT_IMAGE"),
        container_context=json.loads(context) if context else None,
    )
    server = DagsterGrpcServer(ended, servicer, logger, threads, host=given.host, port=given.port)
    signal.signal(signal.SIGTERM, lambda *_: servicer.end(given.grace_seconds))
    logger.info("takes up to %s runs at a time, on port %s", given.places, given.port)
    server.serve()  # type: ignore[no-untyped-call]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m slipway.launch.warm", description=__doc__)
    code = parser.add_mutually_exclusive_group(required=True)
    code.add_argument("--module-name", help="as for `dagster api grpc`")
    code.add_argument("--python-file")
    parser.add_argument("--attribute")
    parser.add_argument("--working-directory", default=str(Path.cwd()))
    parser.add_argument("--location-name", required=True)
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - a pod's, behind network policies
    parser.add_argument("--port", type=int, default=3030)
    parser.add_argument(
        "--places", type=int, default=4, help="how many runs at a time; others get a pod of their own"
    )
    parser.add_argument(
        "--on-request",
        action="append",
        default=[],
        metavar="JOB",
        help=f"a job whose runs may ask for it by their own tag {WARM_TAG}; {ASSET_JOB} is that of assets chosen in the UI",
    )
    parser.add_argument(
        "--grace-seconds", type=float, default=600, help="how long runs may go on after SIGTERM; %(default)s"
    )
    return parser


if __name__ == "__main__":
    main()
