"""The local S3 server: versitygw over a folder, with real signatures.

Buckets are folders below the state folder's `s3`; the objects are plain files in them.
"""

import os
import tempfile
from pathlib import Path

from slipway.local.ports import HOST
from slipway.local.secrets import Secrets
from slipway.local.state import StateFolder

REGION = "us-east-1"
ASSETS_BUCKET = "assets"
LANDING_BUCKET = "landing"
HEALTH_PATH = "/health"


def make_buckets(state: StateFolder) -> None:
    """Create the buckets; a top-level folder is a bucket to the server."""
    for bucket in (ASSETS_BUCKET, LANDING_BUCKET):
        (_data(state) / bucket).mkdir(parents=True, exist_ok=True, mode=0o700)
    _versions(state).mkdir(parents=True, exist_ok=True, mode=0o700)


def command(program: Path, state: StateFolder, port: int) -> list[str]:
    """Return the argv that runs the server in the foreground; its keys come from the environment."""
    arguments = [
        str(program),
        "--port",
        f"{HOST}:{port}",
        "--region",
        REGION,
        "--health",
        HEALTH_PATH,
        "--quiet",
    ]
    arguments += [
        "posix",
        "--dir-perms",
        "0700",
        "--file-perms",
        "0600",
        "--versioning-dir",
        str(_versions(state)),
    ]
    if not _has_extended_attributes(_data(state)):
        sidecar = state.s3 / "attributes"
        sidecar.mkdir(exist_ok=True, mode=0o700)
        arguments += ["--sidecar", str(sidecar)]
    return [*arguments, str(_data(state))]


def server_environment(secrets: Secrets) -> dict[str, str]:
    """Return what the server reads its keys from."""
    return {"ROOT_ACCESS_KEY": secrets.s3_access_key, "ROOT_SECRET_KEY": secrets.s3_secret_key}


def client_environment(secrets: Secrets, port: int) -> dict[str, str]:
    """Return the standard AWS variables that lead a client to this server."""
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_ACCESS_KEY_ID": secrets.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key,
        "AWS_REGION": REGION,
        "SLIPWAY_STORAGE_URL": f"s3://{ASSETS_BUCKET}",
        "SLIPWAY_LANDING_URL": f"s3://{LANDING_BUCKET}",
    }


def _data(state: StateFolder) -> Path:
    return state.s3 / "buckets"


def _versions(state: StateFolder) -> Path:
    return state.s3 / "versions"


def _has_extended_attributes(folder: Path) -> bool:
    """Whether the server can keep an object's metadata beside its file; some file systems can't."""
    with tempfile.NamedTemporaryFile(dir=folder.parent) as probe:
        try:
            os.setxattr(probe.name, "user.slipway", b"1")
        except (OSError, AttributeError):
            return False
    return True
