"""checkov finds nothing in terraform/ but what a comment there explains (`#checkov:skip=CHECK:reason`)."""

import json
import subprocess

import pytest

from slipway.repository import read_repository
from support import infrastructure as infra

# Shared by links: each environment has a copy already.
_LEFT_OUT = "environments/shared"


@pytest.fixture(scope="module")
def report():
    version = read_repository(infra.CHECKOUT).versions["CHECKOV_VERSION"]
    program = [infra.CHECKOUT / "tools/uv", "tool", "run", "--from", f"checkov=={version}", "checkov"]
    options = ["--framework", "terraform", "--skip-download", "--output", "json", "--quiet", "--soft-fail"]
    options += ["--skip-path", _LEFT_OUT]
    done = subprocess.run(
        [*program, "--directory", infra.CODE, *options], capture_output=True, text=True, check=False
    )
    if not done.stdout.strip().startswith("{"):
        pytest.skip(f"checkov {version} can't be had from the package index: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def test_nothing_is_found_that_no_comment_explains(report):
    assert report["summary"]["passed"]
    assert not report["summary"]["parsing_errors"]
    failed = [
        f"{each['check_id']} {each['check_name']}: {each['resource']} ({each['repo_file_path']}:{each['file_line_range'][0]})"
        for each in report["results"]["failed_checks"]
    ]
    assert not failed, "\n".join(failed)


def test_every_comment_has_a_reason(report):
    skipped = report["results"].get("skipped_checks", [])
    bare = [
        f"{each['check_id']}: {each['resource']}"
        for each in skipped
        if len(each["check_result"].get("suppress_comment", "").split()) < 4
        or each["check_result"]["suppress_comment"] == "No comment provided"
    ]
    assert not bare
