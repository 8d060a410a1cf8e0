from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-docs", action="store_true", help="write the screenshots of the documentation anew"
    )
    parser.addoption(
        "--update-outputs",
        action="store_true",
        help="record anew what the stand-in for AWS gives as outputs of Terraform",
    )


@pytest.fixture
def screenshots(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Folder for screenshots: the documentation's with --update-docs, else one that is thrown away."""
    if not request.config.getoption("--update-docs"):
        return tmp_path
    IMAGES.mkdir(parents=True, exist_ok=True)
    return IMAGES


# Tests that change releases, or ask whether anything was started anew, come one after the other, and so do those that count objects, Jobs or rows.
# What is not named here keeps to namespaces, or images, of its own.
ON_THE_CLUSTER = {
    "releases": ("test_addition.py", "test_upgrade.py", "test_deploy.py", "test_outages.py", "test_warm.py"),
    "runs": ("test_automation.py", "test_queue.py", "test_results.py", "test_rights.py"),
}


class ByPlatform(LoadScopeScheduling):
    """Gives a worker a file at a time, but the files that share the session's platform, or would disturb each other, together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        for group, files in ON_THE_CLUSTER.items():
            if file.startswith("tests/kind/") and file.endswith(files):
                return group
        own = ("test_faults.py", "test_disk_full.py")
        return "platform" if "tests/local/" in file and not file.endswith(own) else file


# xdist's own groups (--dist loadgroup) put a suffix on node ids, which pytest 9.2 no longer sees.
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return ByPlatform(config, log)
