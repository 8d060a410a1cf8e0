"""Images of the code locations and of the control plane: what goes into each, their tags, building and pushing.

Does not belong here: the kind node's image and the engine (`slipway.cluster`), and where images are deployed (`slipway.deploy`).
"""
