"""The kind cluster of a developer or of CI: its programs, its engine, its node image, its registry.

Its names are fixed: everything else (deploys, tests, docs) relies on them.
"""

CLUSTER = "slipway"
CONTEXT = "kind-slipway"
# Where the platform is deployed.
NAMESPACE = "slipway"
REGISTRY = "slipway-registry"
REGISTRY_ADDRESS = "localhost:5001"
