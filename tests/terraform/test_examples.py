"""The settings that the documents show make a plan of prod, and what it would put out is what prod's charts are rendered with."""

import json
import re

from support import infrastructure as infra
from support.policies import ACCOUNT

_TESTS = "tests/environments.tftest.hcl"
_VARIABLES = re.compile(r"^variables \{\n.+?^\}\n", re.DOTALL | re.MULTILINE)
_OTHER_RUN = re.compile(r'^run "(?!prod")\w+" \{\n.+?^\}\n', re.DOTALL | re.MULTILINE)
_EXAMPLE_ACCOUNT = "111122223333"
_EXAMPLES = {
    "docs/aws.md": re.compile(r"cat > terraform\.tfvars <<'EOF'\n(.+?)EOF\n", re.DOTALL),
    "terraform/README.md": re.compile(r"```hcl\n(account_id.+?)```", re.DOTALL),
}


def example(document):
    (found,) = _EXAMPLES[document].findall((infra.CHECKOUT / document).read_text())
    # Account and alarm's address may differ from one document to the next; how they are spelled may not.
    return found


def test_the_documents_show_the_same_settings():
    assert len({example(document) for document in _EXAMPLES}) == 1


def test_the_settings_that_the_documents_show_make_a_plan_of_prod(tmp_path):
    code = infra.copied(tmp_path)
    shown = example("docs/aws.md")
    settings = re.findall(r"^(\w+) +=", shown, re.MULTILINE)
    # The tests' own settings but for those that are shown: each is a line.
    own = re.compile(rf"^  (?:{'|'.join(settings)}) += .+\n", re.MULTILINE)
    block = _VARIABLES.search((code / _TESTS).read_text())
    text = block.string.replace(block[0], own.sub("", block[0]).replace("{\n", "{\n" + shown, 1))
    (code / _TESTS).write_text(_OTHER_RUN.sub("", text))
    infra.initialise(code)
    said = infra.succeeded(infra.terraform().call(code, "test", f"-filter={_TESTS}", "-json", "-verbose"))
    # The line is tens of megabytes long: it has the provider's whole schema.
    (plan,) = (json.loads(line)["test_plan"] for line in said.splitlines() if '"type":"test_plan"' in line)
    recorded = json.loads(infra.recorded("prod").read_text())
    compared = 0
    for name, output in recorded.items():
        change = plan["output_changes"][name]
        known = json.loads(json.dumps(change.get("after")).replace(_EXAMPLE_ACCOUNT, ACCOUNT))
        compared += _compare(known, change.get("after_unknown"), output["value"], name)
    assert compared > len(recorded)


def _compare(planned, unknown, recorded, where):
    """Compare what the plan knows with what was recorded; return how many values that were."""
    if unknown is True:
        return 0
    if isinstance(recorded, dict):
        assert isinstance(planned, dict), where
        missing = unknown if isinstance(unknown, dict) else {}
        assert planned.keys() | missing.keys() == recorded.keys(), where
        return sum(
            _compare(planned.get(key), missing.get(key, False), value, f"{where}.{key}")
            for key, value in recorded.items()
            # In these tests no password is asked for: that would be a call of AWS.
            if key != "generated"
        )
    if isinstance(recorded, list) and isinstance(unknown, list) and any(unknown):
        return 0
    assert planned == recorded, where
    return 1
