"""Say what a failed request means.

Belongs here: the translation of the object store's exceptions into ours. Does not belong here:
retries, which the store does itself before any of this is reached (see `store.py`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from slipway.storage.errors import (
    AccessDeniedError,
    BucketMissingError,
    MissingObjectError,
    NotParquetError,
    ObjectChangedError,
    RequestFailedError,
    ServerUnreachableError,
    StorageFullError,
)
from slipway.storage.keys import PARQUET, Place

# The codes of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html that mean "not you",
# whatever the HTTP status: versitygw answers an unknown access key with 404 and a code of its own.
DENIED_CODES = re.compile(r"Denied|Signature|AccessKey|Token|Credential|UserNotFound|RequestTimeTooSkewed")
ERROR_CODE = re.compile(r"<Code>(\w+)</Code>")
_NO_ANSWER = re.compile(
    r"error sending request|timed out|connection|HTTP error: request or response body", re.IGNORECASE
)
_OWN_FAULT = re.compile(r"status code: 5\d\d|: 5\d\d ")


@contextmanager
def explained(place: Place, suffix: str) -> Iterator[None]:
    """Turn what the object store raises inside the block into one of our errors.

    Raises:
        MissingObjectError, BucketMissingError, AccessDeniedError, ObjectChangedError,
        ServerUnreachableError, StorageFullError, NotParquetError (an empty object), RequestFailedError (all else).
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except (FileNotFoundError, BaseError) as error:
        _raise(place, suffix, error)


def _raise(place: Place, suffix: str, error: Exception) -> NoReturn:
    text = str(error).split("\n\nDebug source", 1)[0]
    found = ERROR_CODE.search(text)
    code = found.group(1) if found else ""
    kind = type(error).__name__
    if code == "NoSuchBucket":
        raise BucketMissingError(
            place, suffix, "the bucket does not exist", "Create it, or correct SLIPWAY_STORAGE_URL."
        ) from error
    denied = kind in ("PermissionDeniedError", "UnauthenticatedError") or "Permission denied" in text
    if denied or DENIED_CODES.search(code):
        _raise_denied(place, suffix, code, error)
    if isinstance(error, FileNotFoundError):
        raise missing(place, suffix) from error
    if kind == "PreconditionError":
        raise ObjectChangedError(
            place, suffix, "it was replaced while it was being read", "Run the step again."
        ) from error
    if suffix == PARQUET and ("NotPartial" in str(error) or "non-partial" in text or code == "InvalidRange"):
        raise NotParquetError(place, suffix, "the object is empty", rewrite(place)) from error
    _raise_failed(place, suffix, code, text, error)


def missing(place: Place, suffix: str) -> MissingObjectError:
    """Return the error for an object that is not there."""
    way_out = (
        f"Materialise it with `{place.launch_command}`."
        if place.is_asset
        else "The step that makes it has not run in this run: launch the whole job."
    )
    return MissingObjectError(place, suffix, "there is nothing yet", way_out)


def rewrite(place: Place) -> str:
    """Return the way out for an object that is there and no good."""
    return f"Write it anew with `{place.launch_command}`." if place.is_asset else "Launch the whole job."


def _raise_denied(place: Place, suffix: str, code: str, error: Exception) -> NoReturn:
    if place.base_url.startswith("file:"):
        way_out = "Give the user of this process access to the folder."
    elif "Signature" in code:
        way_out = "Correct AWS_SECRET_ACCESS_KEY: it does not fit AWS_ACCESS_KEY_ID."
    else:
        way_out = (
            "Check AWS_ACCESS_KEY_ID or the role of the pod: it needs s3:GetObject, s3:PutObject, "
            "s3:DeleteObject and s3:AbortMultipartUpload below the key, and s3:ListBucket on the bucket, "
            "without which S3 answers so for an object that is merely missing."
        )
    raise AccessDeniedError(place, suffix, f"access denied ({code or 'HTTP 403'})", way_out) from error


def _raise_failed(place: Place, suffix: str, code: str, text: str, error: Exception) -> NoReturn:
    said = _without_xml(text)
    if code == "InsufficientStorage" or "No space left" in text:
        raise StorageFullError(
            place,
            suffix,
            "the disk is full",
            "Make room, then run the step again; the old object is untouched.",
        ) from error
    if _OWN_FAULT.search(text):
        raise ServerUnreachableError(
            place,
            suffix,
            f"the server keeps failing: {code or said}",
            "Look at the S3 server's log and the space on its disk, then run the step again.",
        ) from error
    if _NO_ANSWER.search(text) and not place.base_url.startswith("file:"):
        raise ServerUnreachableError(
            place,
            suffix,
            f"no answer from the S3 server: {said}",
            "Check that it runs and that AWS_ENDPOINT_URL leads to it, then run the step again.",
        ) from error
    raise RequestFailedError(
        place, suffix, f"the request failed: {code} {said}".replace("  ", " "), "The object is as it was."
    ) from error


def _without_xml(text: str) -> str:
    return text.split("<?xml", 1)[0].strip().rstrip(":")
