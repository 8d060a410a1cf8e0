"""Store what an asset returned, as one object or as one per partition of the run.

Belongs here: which value goes to which partition, and that all of them are delivered. Does not
belong here: Dagster's contexts (`io_manager.py`), formats.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import dagster as dg
import pyarrow as pa

from slipway.storage.errors import PartitionsError
from slipway.storage.frames import is_frame, pieces, schema_of
from slipway.storage.json_values import is_plain, unsupported, write_json
from slipway.storage.keys import JSON, PARQUET, Place
from slipway.storage.metadata import Metadata, of_frame, of_value
from slipway.storage.parquet_write import write_parquet
from slipway.storage.session import Session, in_parallel
from slipway.storage.siblings import remove

PARTITION_BY = "slipway/partition_by"
"""Key in an asset's metadata: the column by which a frame over several partitions is divided."""

AT_A_TIME = 4
"""Partitions that are written at once: on S3 a small one is 30 ms of waiting. Each costs memory of its own."""

_NAMED = 10


@dataclass(frozen=True)
class Part:
    """What one partition is given; `schema` is that of all partitions if one frame was divided."""

    key: Any
    value: Any
    schema: pa.Schema | None = None


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
    """Store `value` over the partitions of a run.

    Those of an iterator one by one, as they arrive; others AT_A_TIME at once. Calls `written` for each, in
    order. An error leaves what was written before it written and the rest as it was; no materialisation is
    recorded for any of them, so running again is safe.

    Raises:
        PartitionsError: a partition is missing, or there is one that the run is not of.
        UnsupportedValueError, UnsupportedFrameError, ObjectError.
    """

    def store(part: Part) -> Metadata:
        place = target.places[part.key]
        if part.schema is None:
            return store_one(session, place, part.value, declared)
        return _store_frame(session, place, part.value, part.schema, declared)

    done: set[str] = set()
    parts = iter(_parts(target, value))
    at_a_time = 1 if _is_stream(value) else AT_A_TIME
    while batch := list(islice(parts, at_a_time)):
        for part in batch:
            _check_key(target, part.key, done)
            done.add(part.key)
        for part, metadata in zip(batch, in_parallel(store, batch, at_a_time), strict=True):
            written(part.key, metadata)
    _check_complete(target, done)


def _is_stream(value: Any) -> bool:
    """Whether partitions have to be read in their order and one at a time: they may share a connection."""
    parts = value.values() if isinstance(value, dict) else [value]
    return any(isinstance(part, Iterator | pa.RecordBatchReader) for part in parts)


def _parts(target: Target, value: Any) -> Iterable[Part]:
    keys = list(target.places)
    if is_frame(value):
        if target.partition_by is not None:
            return _divided(target, value)
        if len(keys) == 1:
            return [Part(keys[0], value)]
        raise PartitionsError(_how_to_deliver(target, "one frame"))
    if isinstance(value, dict) and (len(keys) > 1 or any(map(is_frame, value.values()))):
        for key in value:
            _check_key(target, key, set())
        _check_complete(target, set(value))
        return [Part(key, part) for key, part in value.items()]
    if isinstance(value, Iterator):
        return _from_iterator(target, value)
    if value is None or len(keys) == 1:
        return [Part(key, value) for key in keys]
    raise PartitionsError(_how_to_deliver(target, f"a {type(value).__name__}"))


def _divided(target: Target, value: Any) -> Iterator[Part]:
    from slipway.storage.partition_split import split  # noqa: PLC0415 - pyarrow.compute costs 0.05 CPU-s

    frame = value.read_all() if isinstance(value, pa.RecordBatchReader) else value
    schema = schema_of(frame, target.label)
    for key, rows in split(frame, target.partition_by, target.definition, list(target.places), target.label):
        yield Part(key, rows, schema)


def _from_iterator(target: Target, value: Iterator[Any]) -> Iterator[Part]:
    for item in value:
        if not (isinstance(item, tuple) and len(item) == 2):  # noqa: PLR2004 - a pair
            raise PartitionsError(
                f"{target.label}: the iterator yielded a {type(item).__name__}; it has to yield pairs of partition "
                "key and frame"
            )
        yield Part(item[0], item[1])


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
        "or return a dict of partition key to frame, or dg.Output(<iterator of such pairs>); or give the asset "
        "BackfillPolicy.multi_run(1)"
    )


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(keys[:_NAMED]) + (", ..." if len(keys) > _NAMED else "")
