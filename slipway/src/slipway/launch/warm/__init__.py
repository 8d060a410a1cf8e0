"""The warm lane, on the side of a code location: a standing process that takes interactive runs without a pod for each.

docs/launching.md says what is given up for it. Needs no client of Kubernetes. Does not belong here: which runs go there, and what
becomes of one that loses its process (`slipway.launch.kubernetes.warm`, of the control plane).
"""

WARM_TAG = "slipway/warm"
"""On a job's definition, with the value "true": its runs may share a standing process with others."""
WORKER_TAG = "slipway/warm_worker"
"""On a run: the pod of the worker that has it; NO_WORKER if it has a pod of its own."""
NO_WORKER = "none"
