"""The table of what a month costs is computed, of prices that say where they are from."""

import subprocess
import sys
import tomllib

from support import infrastructure as infra

_FACTS = tomllib.loads((infra.CODE / "costs.toml").read_text())


def test_the_documents_table_is_what_the_prices_give():
    command = [sys.executable, infra.CHECKOUT / "tools/aws-costs"]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    text = (infra.CHECKOUT / "docs/aws.md").read_text()
    assert (
        text.partition("<!-- costs: tools/aws-costs -->\n")[2].partition("<!-- end of costs -->")[0] == table
    )


def test_what_the_sizes_of_the_environments_take_is_what_terraform_makes():
    for size, environment in (("small", "dev"), ("medium", "prod")):
        quantities = _FACTS["sizes"][size]
        main = (infra.CODE / f"environments/{environment}/main.tf").read_text()
        for name in quantities:
            if name.startswith(("t3_", "m6i_", "m7i_", "db_")):
                spelled = name.removesuffix("_spot_hours").replace("_", ".").replace("db.t4g.", "db.t4g.")
                assert f'"{spelled}"' in main, f"{environment} has no {spelled}"
