"""The commands that the documents show, run as they stand there."""

import os
import re
import subprocess

from support.platform import ROOT, Platform


def test_airflow_can_report_what_it_made(platform: Platform) -> None:
    (command,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "airflow.md").read_text(), re.DOTALL)
    environment = {**os.environ, "DAGSTER_URL": platform.web.url}
    shell = ["sh", "-euc", command.replace("curl ", "curl --silent --show-error --fail ")]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    query = 'query { assetOrError(assetKey: {path: ["legacy", "customers"]}) { ... on Asset { assetMaterializations { label } } } }'
    assert len(platform.web.ask(query)["assetOrError"]["assetMaterializations"]) == 1
