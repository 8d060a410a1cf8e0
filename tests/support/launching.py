"""Runs of `orders` with a config of their own, queued over GraphQL as the UI's launchpad does it."""

from typing import Any

from support.platform import Platform

LAUNCH = """mutation ($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } } }"""


def launch(
    platform: Platform, config: dict[str, Any], *, day: str | None = None, asset: str | None = None
) -> str:
    """Queue `daily_pipeline`, or one asset by itself, and return the run's id."""
    selector: dict[str, Any] = {
        "repositoryLocationName": "orders",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB" if asset else "daily_pipeline",
    }
    if asset:
        selector["assetSelection"] = [{"path": [asset]}]
    tags = [{"key": "dagster/partition", "value": day}] if day else []
    parameters = {
        "selector": selector,
        "runConfigData": config,
        "mode": "default",
        "executionMetadata": {"tags": tags},
    }
    launched = platform.web.ask(LAUNCH, parameters=parameters)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])
