"""Terraform, as the commands and the tests call it.

Does not belong here: the infrastructure itself (`terraform/`), and what its outputs become (`slipway.deploy.generated`).
"""
