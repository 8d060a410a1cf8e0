"""Which names a new code location can have."""

import importlib.util
import keyword
import re
import sys

from slipway.local.errors import LocalPlatformError
from slipway.local.programs import DAEMON, POSTGRES, S3, WATCHER, WEBSERVER
from slipway.repository import Repository

LONGEST = 30
_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Processes of the platform, whose names a code server's must not be, and folders of every project.
_TAKEN_BY_US = {DAEMON, POSTGRES, S3, WATCHER, WEBSERVER, "supervisord", "slipway", "tests", "template"}


def check_name(name: str, repository: Repository) -> None:
    """Make sure that `name` can be a package, a process, and later a release on Kubernetes.

    Raises:
        LocalPlatformError: it can't; the message says why, the hint what would do.
    """
    complaint = _of_the_word(name) or _of_the_checkout(name, repository)
    if complaint:
        raise LocalPlatformError(
            f"{name!r} can't be the name of a code location: {complaint}.",
            f"Use a name like shop_returns: lower case, digits and single _, at most {LONGEST} characters.",
        )


def _of_the_word(name: str) -> str | None:
    if not _SNAKE_CASE.fullmatch(name):
        return "it is not snake_case"
    if len(name) > LONGEST:
        return f"it has {len(name)} characters"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "Python keeps that word for itself"
    return "the platform uses it" if name in _TAKEN_BY_US else None


def _of_the_checkout(name: str, repository: Repository) -> str | None:
    if name in (location.name for location in repository.code_locations):
        return "dg.toml lists one already"
    if (repository.root / "code_locations" / name).exists():
        return f"code_locations/{name} exists"
    if name in sys.stdlib_module_names or importlib.util.find_spec(name):
        return f"`import {name}` means an installed module"
    return None
