"""The commands that the documents show, run as they stand there."""

import os
import re
import subprocess

import pytest

from support.platform import ROOT, Platform


def test_airflow_can_report_what_it_made(platform: Platform) -> None:
    (command,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "airflow.md").read_text(), re.DOTALL)
    environment = {**os.environ, "DAGSTER_URL": platform.web.url}
    shell = ["sh", "-euc", command.replace("curl ", "curl --silent --show-error --fail ")]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    query = 'query { assetOrError(assetKey: {path: ["legacy", "customers"]}) { ... on Asset { assetMaterializations { label } } } }'
    assert len(platform.web.ask(query)["assetOrError"]["assetMaterializations"]) == 1


COMMANDS = re.findall(r"\| `([^`]+)`[^|]*\|\n", (ROOT / "docs" / "orchestration.md").read_text())
# What changes nothing and takes seconds; the others have tests of their own.
LOOKS = ("pools", "catch-up", "alerts list", "contracts", "dg list")


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if "pytest" not in each and any(look in each for look in LOOKS)]
)
def test_what_only_looks_works_as_documented(platform: Platform, command: str) -> None:
    done = platform.shell(command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("command", [each for each in COMMANDS if "pytest" in each])
def test_tests_that_are_documented_exist(command: str) -> None:
    folder = re.search(r"--directory (\S+)", command)
    paths = command.split(" pytest ")[1].split()
    assert paths
    assert all((ROOT / (folder[1] if folder else ".") / path).exists() for path in paths)
