"""`python -m slipway.launch.queued --queues fragile --concurrency 2`: a worker of these queues."""

import argparse
import os
from pathlib import Path

import kubernetes.config

from slipway.launch.kubernetes.client import KubernetesClient
from slipway.launch.queued.app import BROKER_VARIABLE, DEFAULT_QUEUE
from slipway.launch.queued.worker import worker_app


def main(arguments: list[str] | None = None) -> None:
    """Work until told to end."""
    parser = argparse.ArgumentParser(prog="python -m slipway.launch.queued", description=__doc__)
    parser.add_argument("--queues", default=DEFAULT_QUEUE, help="comma-separated; %(default)s")
    parser.add_argument(
        "--concurrency", type=int, required=True, help="how many steps at a time: what the queue is for"
    )
    parser.add_argument("--kubeconfig", help="outside of a cluster")
    parser.add_argument("--alive-file", type=Path, help="touched every few seconds, for a liveness probe")
    parser.add_argument("--loglevel", default="INFO")
    given = parser.parse_args(arguments)
    broker_url = os.environ.get(BROKER_VARIABLE)
    if not broker_url:
        parser.error(
            f"{BROKER_VARIABLE} is not set: the address of the Redis that holds the queues, redis://..."
        )
    if given.kubeconfig:
        kubernetes.config.load_kube_config(given.kubeconfig)
    else:
        kubernetes.config.load_incluster_config()
    app = worker_app(broker_url, KubernetesClient(), given.alive_file)
    # Threads: a step is waited for, not computed.
    options = ["--pool", "threads", "--concurrency", str(given.concurrency), "--queues", given.queues]
    app.worker_main(
        ["worker", *options, "--loglevel", given.loglevel, "--without-gossip", "--without-mingle"]
    )


if __name__ == "__main__":
    main()
