"""Move one version of an object, and no other.

Belongs here: the conditional requests that obstore does not know (`x-amz-copy-source-if-match`, a DELETE
with `If-Match`, copies in parts), made with boto3. Does not belong here: why something is moved.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from slipway.resources import landing

if TYPE_CHECKING:
    from slipway.resources.landing import LandingBucket, LandingObject

PART = 256 * 1024**2
"""Bytes of a part. What is larger is copied in parts: one request copies up to 5 GiB, and no part faster than a server
reads it. boto3 makes them larger where there would be more than S3's 10,000."""
PARTS_AT_ONCE = 8
"""Requests that wait for a part's copy; connections and threads are no more than these."""

_REFUSED = ("PreconditionFailed", "412", "ConditionalRequestConflict")
_OUT_OF_RANGE = ("InvalidArgument", "InvalidRange")
"""What a server may say of a part that a smaller newer version does not have, before it looks at the condition."""
_GONE = ("NoSuchKey", "404", "NotFound")
_OWN_FAULT = 500


def move_object(bucket: "LandingBucket", found: "LandingObject", to: str) -> bool:
    """Move `found` to the key `to`; see `LandingBucket.move_version`, which this does on S3.

    A server that ignores `If-Match` on DELETE (AWS S3 and versitygw do not) would delete what has arrived
    since the copy; on a bucket with versioning even that is kept.
    """
    if not found.e_tag and bucket.find(found.key).version != found.version:
        # Without an ETag there are no conditions; asked first, all but the last moment is covered.
        raise landing.superseded(bucket.address(found.key), found.version, "another")
    client, place, prefix = _client(), urlsplit(bucket.url).netloc, _prefix(bucket.url)
    source = {"Bucket": place, "Key": prefix + found.key}
    condition = {"CopySourceIfMatch": found.e_tag} if found.e_tag else {}
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415
    from botocore.exceptions import ClientError  # noqa: PLC0415

    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=PARTS_AT_ONCE)
    with _named(bucket, found):
        # Asks for the size first; ends the upload of what can't be copied whole.
        client.copy(source, place, prefix + to, ExtraArgs=condition, Config=config)
    with _named(bucket, found):
        try:
            client.delete_object(**source, **({"IfMatch": found.e_tag} if found.e_tag else {}))
        except ClientError as error:
            if _code(error) in (*_REFUSED, *_GONE):
                return False
            raise
    return True


def move_file(url: str, key: str, to: str) -> None:
    """Rename a file of a landing zone on a disk; `to` is replaced."""
    folder = Path(unquote(urlsplit(url).path))
    (folder / to).parent.mkdir(parents=True, exist_ok=True)
    (folder / key).replace(folder / to)


def _client() -> Any:
    import boto3  # noqa: PLC0415 - 0.3 CPU-s, for the few files that are moved
    from botocore.config import Config  # noqa: PLC0415

    # A copy is answered when it is done.
    config = Config(read_timeout=600, retries={"mode": "standard", "max_attempts": 5})
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
    return boto3.client("s3", endpoint_url=endpoint, region_name=os.environ.get("AWS_REGION"), config=config)


def _prefix(url: str) -> str:
    path = unquote(urlsplit(url).path).strip("/")
    return f"{path}/" if path else ""


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _named(bucket: "LandingBucket", found: "LandingObject") -> Iterator[None]:
    """Say bucket and key in whatever boto3 raises, and whether trying again can help."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    place = bucket.address(found.key)
    try:
        yield
    except ClientError as error:
        code = _code(error)
        shrunk = code in _OUT_OF_RANGE and bucket.find(found.key).version != found.version
        if code in _REFUSED or shrunk:
            raise landing.superseded(place, found.version, "another") from error
        if code in _GONE:
            raise landing.MissingObjectError(f"{place}: there is no such object", url=place) from error
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _OWN_FAULT)
        kind = landing.LandingUnavailableError if status >= _OWN_FAULT else landing.LandingError
        raise kind(f"{place}: can't be moved: {error}", url=place) from error
    except BotoCoreError as error:
        raise landing.LandingUnavailableError(f"{place}: can't be moved: {error}", url=place) from error
