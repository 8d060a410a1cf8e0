"""Which environment this process runs in, and its required settings.

The one module that reads `SLIPWAY_ENV`. Anything that differs per environment takes an
`Environment` as an argument and never reads the variable itself. No defaults belong here: a
missing setting is an error that names it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

VARIABLE = "SLIPWAY_ENV"


class Environment(StrEnum):
    """Where code runs; the names of values files, Terraform environments and resource sets."""

    LOCAL = "local"
    KIND = "kind"
    DEV = "dev"
    PROD = "prod"


class MissingSettingError(RuntimeError):
    """A setting that has no sensible default is not in the process's environment."""


class UnknownEnvironmentError(ValueError):
    """`SLIPWAY_ENV` names no environment."""


def required_setting(name: str, purpose: str) -> str:
    """Return the environment variable `name`, read now.

    Raises:
        MissingSettingError: it is unset or empty; the message says what it is for.
    """
    value = os.environ.get(name, "")
    if not value:
        raise MissingSettingError(
            f"{name} is not set: {purpose}. Locally `make up` and `uv run slipway exec` set it; "
            "on Kubernetes the release's values do."
        )
    return value


def current_environment() -> Environment:
    """Return the environment that `SLIPWAY_ENV` names, read now.

    Raises:
        MissingSettingError: the variable is unset or empty.
        UnknownEnvironmentError: it names no environment; the message lists those that exist.
    """
    names = ", ".join(Environment)
    value = required_setting(VARIABLE, f"the environment this process runs in, one of {names}")
    try:
        return Environment(value)
    except ValueError:
        raise UnknownEnvironmentError(f"{VARIABLE}={value!r} is no environment; use one of {names}") from None


@contextmanager
def lent(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while the block lasts: for what takes its settings in no other way."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
