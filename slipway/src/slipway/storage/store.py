"""Open an object store by URL.

Belongs here: how a URL and the standard AWS variables become an obstore store, with its retries
and timeouts. Does not belong here: keys, formats, assets.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from slipway.storage.errors import StorageCredentialsError, StorageUrlError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

RETRY_SECONDS = 60.0
"""How long a request is repeated before it fails: longer than a pod of an S3 server takes to move."""

_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_CREDENTIAL_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)


def open_store(
    url: str, *, retry_seconds: float = RETRY_SECONDS, request_seconds: float | None = None
) -> "ObjectStore":
    """Return the store that `url` names; paths given to it are relative to the URL.

    `s3://bucket[/prefix]` takes endpoint, region and credentials from the standard AWS variables
    (AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, ...), read now. Plain HTTP is used only when the
    endpoint URL itself says `http://`. `file:///folder` creates the folder. Nothing is sent here.

    Requests that fail by a refused or dropped connection or a 5xx answer are repeated for at most
    `retry_seconds`, with exponential backoff and jitter from 0.1 s up to 5 s. `request_seconds` is how long one
    answer may take as a whole; without it one that flows may take an hour, and may be silent for a minute.

    Raises:
        StorageUrlError: `url` is of neither form, or the folder can't be made.
        StorageCredentialsError: an endpoint or a profile is set, but no credentials.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        return _s3_store(parts.netloc, unquote(parts.path).strip("/"), retry_seconds, request_seconds)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return _local_store(Path(unquote(parts.path)))
    raise StorageUrlError(f"{url!r} is no storage URL: use s3://bucket, s3://bucket/prefix or file:///folder")


def _local_store(folder: Path) -> "ObjectStore":
    from obstore.store import LocalStore  # noqa: PLC0415 - a location without assets never pays for it

    try:
        return LocalStore(folder, mkdir=True)
    except OSError as error:
        raise StorageUrlError(f"{folder} can't be used as storage: {error}. Choose another folder") from error


def _s3_store(bucket: str, prefix: str, retry_seconds: float, request_seconds: float | None) -> "ObjectStore":
    from obstore.store import S3Store  # noqa: PLC0415

    endpoint = next((os.environ[name] for name in _ENDPOINT_VARIABLES if os.environ.get(name)), "")
    _require_credentials(endpoint)
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": "5s",
            # A stalled connection is noticed by silence, not by the length of the transfer: the
            # library's own limit of 30 s for a whole request would break large reads on slow links.
            "read_timeout": "60s",
            "timeout": f"{request_seconds * 1000:.0f}ms" if request_seconds else "1h",
        },
        retry_config={
            # The time is the limit; at up to 5 s a turn this count is never the first to end it.
            "max_retries": 1000,
            "retry_timeout": timedelta(seconds=retry_seconds),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=5),
                "base": 2,
            },
        },
    )


def _require_credentials(endpoint: str) -> None:
    """Fail now rather than after a minute of asking the EC2 metadata address.

    Without any of these variables the library asks 169.254.169.254, which is right on EC2 only:
    not behind an endpoint of one's own, and not where a profile of ~/.aws, which it can't read, is meant.
    """
    profile = os.environ.get("AWS_PROFILE", "")
    if any(os.environ.get(name) for name in _CREDENTIAL_VARIABLES) or not (endpoint or profile):
        return
    if profile:
        raise StorageCredentialsError(
            f"AWS_PROFILE={profile} is set, but profiles are not read here: run "
            '`eval "$(aws configure export-credentials --format env)"` first, or set AWS_ACCESS_KEY_ID '
            "and AWS_SECRET_ACCESS_KEY"
        )
    raise StorageCredentialsError(
        f"the S3 endpoint {endpoint} is set, but no credentials for it: set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY (locally `uv run slipway exec` does), or AWS_SKIP_SIGNATURE=true for a "
        "public one"
    )
