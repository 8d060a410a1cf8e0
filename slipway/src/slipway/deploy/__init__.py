"""Deploying the platform and its code locations to a cluster: releases, their order, differences, proof that they work.

Does not belong here: what the values say (`charts-values/`), images (`slipway.images`) and the kind cluster itself
(`slipway.cluster`).
"""
