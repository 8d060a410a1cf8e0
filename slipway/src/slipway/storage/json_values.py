"""Store a plain value as one JSON object.

Belongs here: which values are plain, and their bytes. Does not belong here: frames.
"""

import json
from typing import TYPE_CHECKING, Any

from slipway.storage.errors import NotJsonError, UnsupportedValueError
from slipway.storage.faults import explained, rewrite
from slipway.storage.keys import JSON, Place
from slipway.storage.uploads import upload

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PLAIN_TYPES = (int, float, str, bool, type(None), dict, list)

_WAY_OUT = (
    "Accepted are a pandas DataFrame, a pyarrow Table or RecordBatchReader, and, as JSON, int, float, str, "
    "bool, None, and dicts (with string keys) and lists of these. For any other object give the asset "
    'io_manager_key="pickle_io_manager" and add the resource "pickle_io_manager": '
    "dagster_aws.s3.S3PickleIOManager(...) to the code location, knowing that whoever can write the bucket "
    "can then run code in every reader"
)


def is_plain(value: object) -> bool:
    """Whether `value` is of a type that may be JSON; its insides are checked when it is written."""
    return isinstance(value, PLAIN_TYPES)


def write_json(store: "ObjectStore", place: Place, value: Any) -> int:
    """Write `value` as the object at `place` and return its size in bytes.

    Only what JSON gives back as it was is accepted: no tuples, no dates, no NaN, no keys that are numbers.

    Raises:
        UnsupportedValueError: naming where in the value the trouble is; ObjectError.
    """
    _check(value, place.label)
    data = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1).encode()
    upload(store, place, JSON, [data])
    return len(data)


def read_json(store: "ObjectStore", place: Place) -> Any:
    """Return the value at `place`.

    Raises:
        NotJsonError: it is something else; ObjectError: see `faults.explained`.
    """
    import obstore  # noqa: PLC0415

    with explained(place, JSON):
        data = bytes(obstore.get(store, place.path(JSON)).bytes())
    try:
        return json.loads(data)
    except ValueError as error:
        raise NotJsonError(place, JSON, f"the object is not JSON: {error}", rewrite(place)) from error


def unsupported(value: object, label: str) -> UnsupportedValueError:
    """Return the error for a value that is neither a frame nor plain."""
    kind = type(value)
    return UnsupportedValueError(f"{label}: can't store a {kind.__module__}.{kind.__qualname__}. {_WAY_OUT}")


def unsupported_annotation(annotation: object, label: str) -> UnsupportedValueError:
    """Return the error for an input's type that neither a frame nor a plain value can satisfy."""
    return UnsupportedValueError(
        f"{label}: can't be loaded as {annotation}. Annotate the input as pandas.DataFrame, pyarrow.Table, "
        "pyarrow.RecordBatchReader, dict[str, <one of the first two>] (a frame per partition), or the plain "
        "type that was stored (int, float, str, bool, dict, list). If it was stored by another IO manager, "
        'name that one in the input: dg.AssetIn(input_manager_key="...")'
    )


def _check(value: object, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                raise UnsupportedValueError(
                    f"{where}: the key {key!r} is no string, and JSON has no other keys"
                )
            _check(item, f"{where}[{key!r}]")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]")
    elif not is_plain(value):
        raise unsupported(value, where)
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124
        raise UnsupportedValueError(f"{where}: JSON has no {value}; return None, or a string")
