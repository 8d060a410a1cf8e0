"""Which images are old, and removing them: from the engine, the local registry and the nodes of the kind cluster.

A module for the choice, one for each place, and one for what the cluster uses. Does not belong here: building (`slipway.images.build`).
"""
