"""The warm lane, on the side of a code location: a standing process that takes interactive runs without a pod for each.

docs/launching.md says what is given up for it. Needs no client of Kubernetes. Does not belong here: which runs go there, and what
becomes of one that loses its process (`slipway.launch.kubernetes.warm`, of the control plane).
"""

WARM_TAG = "slipway/warm"
"""With the value "true": on a job's definition, its runs may share a standing process with others; on a run, it is to.

On a run alone it counts only where the location lets that job's runs ask for it (`--on-request`).
"""
WORKER_TAG = "slipway/warm_worker"
"""On a run: the pod of the worker that has it; NO_WORKER if it has a pod of its own."""
NO_WORKER = "none"
PLACES_TAKEN = "places are taken"
"""In the reason why a worker does not take a run that it would take at another time."""
ASSET_JOB = "__ASSET_JOB"
"""Dagster's name of the job that materializes assets which somebody chose in the UI."""
