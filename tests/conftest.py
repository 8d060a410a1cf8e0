from pathlib import Path

import pytest

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-docs", action="store_true", help="write the screenshots of the documentation anew"
    )


@pytest.fixture
def screenshots(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Folder for screenshots: the documentation's with --update-docs, else one that is thrown away."""
    if not request.config.getoption("--update-docs"):
        return tmp_path
    IMAGES.mkdir(parents=True, exist_ok=True)
    return IMAGES
