"""Store what an asset returned, as one object or as one per partition of the run.

Belongs here: which value goes to which partition, and that all of them are delivered. Does not
belong here: Dagster's contexts (`io_manager.py`), formats.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pyarrow as pa

from slipway.storage.errors import PartitionsError
from slipway.storage.frames import is_frame, pieces, schema_of
from slipway.storage.json_values import is_plain, unsupported, write_json
from slipway.storage.keys import JSON, PARQUET, Place
from slipway.storage.metadata import Metadata, of_frame, of_value
from slipway.storage.parquet_write import write_parquet
from slipway.storage.session import Session
from slipway.storage.siblings import remove

PARTITION_BY = "slipway/partition_by"
"""Key in an asset's metadata: the column by which a frame over several partitions is divided."""

_NAMED = 10


@dataclass(frozen=True)
class Target:
    """The partitions that a run writes, by key, in their order; and how a frame is divided over them."""

    label: str
    places: Mapping[str, Place]
    definition: dg.PartitionsDefinition[str]
    partition_by: Any


def store_one(session: Session, place: Place, value: Any, declared: Mapping[str, Any]) -> Metadata:
    """Store `value` as the object at `place` and return its metadata.

    Raises:
        UnsupportedValueError, UnsupportedFrameError, ObjectError: the object is as it was.
        PartitionsError: `value` is one for a run over partitions.
    """
    if is_frame(value):
        schema = schema_of(value, place.label)
        return _store_frame(session, place, value, schema, declared)
    if isinstance(value, Iterator) or (isinstance(value, dict) and any(map(is_frame, value.values()))):
        raise PartitionsError(
            f"{place.label}: a frame per partition was returned, and the asset has no partitions; return one frame"
        )
    if not is_plain(value):
        raise unsupported(value, place.label)
    size = write_json(session.store, place, value)
    remove(session.store, place, PARQUET)
    return of_value(size, place)


def store_partitions(
    session: Session,
    target: Target,
    value: Any,
    declared: Mapping[str, Any],
    written: Callable[[str, Metadata], None],
) -> None:
    """Store `value` over the partitions of a run, one after the other as they arrive.

    Calls `written` for each. An error leaves the partitions before it written and the others as they
    were; no materialisation is recorded for any of them, so running again is safe.

    Raises:
        PartitionsError: a partition is missing, or there is one that the run is not of.
        UnsupportedValueError, UnsupportedFrameError, ObjectError.
    """
    done: set[str] = set()
    for key, part, schema in _parts(target, value):
        _check_key(target, key, done)
        place = target.places[key]
        if schema is None:
            metadata = store_one(session, place, part, declared)
        else:
            metadata = _store_frame(session, place, part, schema, declared)
        written(key, metadata)
        done.add(key)
    _check_complete(target, done)


def _parts(target: Target, value: Any) -> Iterable[tuple[Any, Any, pa.Schema | None]]:
    """Return (partition, value, schema that all partitions share if one frame was divided)."""
    keys = list(target.places)
    if is_frame(value):
        if target.partition_by is not None:
            return _divided(target, value)
        if len(keys) == 1:
            return [(keys[0], value, None)]
        raise PartitionsError(_how_to_deliver(target, "one frame"))
    if isinstance(value, dict) and (len(keys) > 1 or any(map(is_frame, value.values()))):
        for key in value:
            _check_key(target, key, set())
        _check_complete(target, set(value))
        return [(key, part, None) for key, part in value.items()]
    if isinstance(value, Iterator):
        return _from_iterator(target, value)
    if value is None or len(keys) == 1:
        return [(key, value, None) for key in keys]
    raise PartitionsError(_how_to_deliver(target, f"a {type(value).__name__}"))


def _divided(target: Target, value: Any) -> Iterator[tuple[str, Any, pa.Schema]]:
    from slipway.storage.partition_split import split  # noqa: PLC0415 - pyarrow.compute costs 0.05 CPU-s

    frame = value.read_all() if isinstance(value, pa.RecordBatchReader) else value
    schema = schema_of(frame, target.label)
    for key, rows in split(frame, target.partition_by, target.definition, list(target.places), target.label):
        yield key, rows, schema


def _from_iterator(target: Target, value: Iterator[Any]) -> Iterator[tuple[Any, Any, None]]:
    for item in value:
        if not (isinstance(item, tuple) and len(item) == 2):  # noqa: PLR2004 - a pair
            raise PartitionsError(
                f"{target.label}: the iterator yielded a {type(item).__name__}; it has to yield pairs of partition "
                "key and frame"
            )
        yield item[0], item[1], None


def _store_frame(
    session: Session, place: Place, frame: Any, schema: pa.Schema, declared: Mapping[str, Any]
) -> Metadata:
    tables = pieces(frame, schema, place.label)
    written = write_parquet(session.store, place, schema, tables, session.write_options)
    remove(session.store, place, JSON)
    return of_frame(written, place, declared, preview=session.preview)


def _check_key(target: Target, key: Any, done: set[str]) -> None:
    if key in done:
        raise PartitionsError(f"{target.label}: partition {key} was delivered twice")
    if key not in target.places:
        raise PartitionsError(
            f"{target.label}: {key!r} was delivered and is no partition of this run, which is of "
            f"{_listed(list(target.places))}"
        )


def _check_complete(target: Target, done: set[str]) -> None:
    lacking = [key for key in target.places if key not in done]
    if lacking:
        raise PartitionsError(
            f"{target.label}: {len(lacking)} of the {len(target.places)} partitions of this run were not "
            f"delivered: {_listed(lacking)}. A partition without rows needs a frame without rows"
        )


def _how_to_deliver(target: Target, got: str) -> str:
    return (
        f"{target.label}: the run is of {len(target.places)} partitions ({_listed(list(target.places))}) and {got} "
        f'was returned. Name the column to divide a frame by: @asset(metadata={{"{PARTITION_BY}": "<column>"}}); '
        "or return a dict of partition key to frame, or an iterator of such pairs; or give the asset "
        "BackfillPolicy.multi_run(1)"
    )


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(keys[:_NAMED]) + (", ..." if len(keys) > _NAMED else "")
