"""Where an image's code comes from: revision, version, date and address, for its labels and for the tags of its runs.

Does not belong here: labels of base images.
"""

import re
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_PACKAGE = "slipway"
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


@dataclass(frozen=True)
class Provenance:
    """What an image says about its code.

    Attributes:
        revision: the commit that last changed the project or the package slipway; `-changed` after it if files
            differ from it; empty outside of a git checkout.
        version: the project's version.
        created: the time of that commit, ISO 8601 in UTC: building again makes the same image.
        source: the address that the checkout was cloned from, without credentials; empty if it is a folder.
    """

    revision: str
    version: str
    created: str
    source: str

    @property
    def seconds(self) -> int:
        """`created` in seconds since 1970, as SOURCE_DATE_EPOCH has it."""
        return int(datetime.fromisoformat(self.created).timestamp())


def provenance(root: Path, project: Path) -> Provenance:
    """Return the provenance of the image of `project` (a folder relative to the checkout `root`)."""
    paths = (str(project), _PACKAGE, "docker/project")
    version = tomllib.loads((root / project / "pyproject.toml").read_text())["project"]["version"]
    seconds = _git(root, "log", "-1", "--format=%ct", "--", *paths)
    created = datetime.fromtimestamp(int(seconds or 0), UTC).isoformat()
    origin = _git(root, "remote", "get-url", "origin")
    source = _CREDENTIALS.sub("", origin) if "://" in origin or origin.startswith("git@") else ""
    return Provenance(revision(root, *paths), str(version), created, source)


def revision(root: Path, *paths: str) -> str:
    """Return the commit that last changed `paths` of the checkout at `root`, by default anything of it.

    It ends with `-changed` if files differ from it, and is empty outside of a git checkout.
    """
    commit = _git(root, "log", "-1", "--format=%H", "--", *paths)
    return f"{commit}-changed" if commit and _git(root, "status", "--porcelain", "--", *paths) else commit


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if not done.returncode else ""
