"""Secrets of the local platform: generated once, kept in one file that only its owner can read."""

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, fields

from slipway.local.errors import LocalPlatformError
from slipway.local.state import StateFolder, write_private


@dataclass(frozen=True)
class Secrets:
    """What the local servers are opened with; every value is URL-safe.

    Attributes:
        owner_password: the key that the passwords of databases' owners are made with.
        reader_password: the key that the passwords of databases' readers are made with.
    """

    postgres_password: str
    dagster_password: str
    owner_password: str
    reader_password: str
    s3_access_key: str
    s3_secret_key: str

    def of_owner(self, role: str) -> str:
        """Return the password of a role that owns a database; every role has another one."""
        return _derived(self.owner_password, role)

    def of_reader(self, role: str) -> str:
        """Return the password of a role that reads a database; every role has another one."""
        return _derived(self.reader_password, role)


def load_secrets(state: StateFolder) -> Secrets:
    """Return the state folder's secrets, generated on the first call.

    Raises:
        LocalPlatformError: the file is gone or damaged although there is data that was made with it.
    """
    file = state.path / "secrets.json"
    if file.exists():
        try:
            return Secrets(**json.loads(file.read_text()))
        except (ValueError, TypeError) as error:
            raise LocalPlatformError(
                f"{file} is damaged: {error}", "Restore it, or run `make clean`."
            ) from error
    if state.postgres.exists():
        raise LocalPlatformError(
            f"{file} is missing, and {state.postgres} can't be opened without its passwords.",
            "Restore the file, or run `make clean` to start with an empty state folder.",
        )
    made = Secrets(**{field.name: secrets.token_urlsafe(24) for field in fields(Secrets)})
    write_private(file, json.dumps(asdict(made), indent=2) + "\n")
    return made


def _derived(key: str, role: str) -> str:
    return hmac.new(key.encode(), role.encode(), hashlib.sha256).hexdigest()
