"""Runs and steps as Kubernetes Jobs. Needs the extra `slipway[kubernetes]`.

Nothing else of slipway imports this package: locations that start no pods of their own go without the client.
"""

from slipway.launch.kubernetes.launcher import SlipwayK8sRunLauncher

__all__ = ["SlipwayK8sRunLauncher"]
