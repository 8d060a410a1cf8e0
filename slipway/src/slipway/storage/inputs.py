"""Load what a consumer asks for, from one object or from many partitions at once.

Belongs here: several objects, missing ones, the form of the result. Does not belong here: Dagster's
contexts (`io_manager.py`), the reading of one object.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from slipway.storage.annotations import Form, Wanted, default_frame
from slipway.storage.concatenation import common_schema, conformed
from slipway.storage.errors import MissingObjectError, ObjectChangedError, StorageError, WrongKindError
from slipway.storage.frames import index_columns, to_pandas
from slipway.storage.json_values import read_json
from slipway.storage.keys import JSON, PARQUET, Place
from slipway.storage.parquet_read import FOOTER_TAIL_BYTES, WHOLE_TAIL_BYTES, ParquetObject
from slipway.storage.session import Session, in_parallel
from slipway.storage.siblings import exists

_ATTEMPTS = 3
_NAMED = 10


@dataclass(frozen=True)
class Request:
    """What to load: one place, or those of the partitions in their order."""

    places: Sequence[Place]
    wanted: Wanted
    columns: tuple[str, ...] | None
    skip_missing: bool
    warn: Callable[[str], None]


def load(session: Session, request: Request) -> Any:
    """Return the value, the frame, or a dict of partition key to either, as `request.wanted` says.

    Partitions are loaded `session.concurrency` at a time and joined in the order of `request.places`;
    see `concatenation.common_schema` for columns that changed. A RecordBatchReader fetches a row group
    at a time while it is read, from one version of each object.

    Raises:
        MissingObjectError: naming all that are missing; ObjectError; SchemaMismatchError.
    """
    if request.wanted.form is Form.READER:
        return _stream(session, request)
    loaded = _present(session, request, lambda place: _load_one(session, request, place))
    if len(request.places) == 1 and loaded and not request.wanted.by_partition:
        return _formed(request, loaded.pop()[1])
    values = any(not isinstance(found, pa.Table) for _, found in loaded)
    if request.wanted.by_partition or request.wanted.form is Form.VALUE or values:
        return {place.partition: _formed(request, found) for place, found in loaded}
    return _formed(request, _joined(loaded))


def _load_one(session: Session, request: Request, place: Place) -> Any:
    """Return the object at `place` as a Table or a plain value."""
    form = request.wanted.form
    if form is Form.VALUE:
        return _or_wrong_kind(session, place, JSON, lambda: read_json(session.store, place))
    try:
        return _or_wrong_kind(session, place, PARQUET, lambda: _whole_table(session, request, place))
    except WrongKindError:
        if form is not Form.ANY:
            raise
        return read_json(session.store, place)


def _whole_table(session: Session, request: Request, place: Place) -> pa.Table:
    """Read all row groups of one version; begin again when it is replaced meanwhile."""
    tail = WHOLE_TAIL_BYTES if request.columns is None else FOOTER_TAIL_BYTES
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            stored = ParquetObject(session.store, place, tail_bytes=tail)
            return stored.table(_columns(request, stored))
        except ObjectChangedError:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError


def _columns(request: Request, stored: ParquetObject) -> list[str] | None:
    """Return the columns to read: those asked for, and for pandas those of its index."""
    if request.columns is None:
        return None
    pandas = request.wanted.form is Form.PANDAS
    index = index_columns(stored.schema) if pandas else []
    return list(dict.fromkeys([*request.columns, *index]))


def _joined(loaded: list[tuple[Place, pa.Table]]) -> pa.Table:
    """Return one table, and let go of its parts."""
    if not loaded:
        return pa.table({})
    places = [place for place, _ in loaded]
    schema = common_schema([table.schema for _, table in loaded], places)
    tables = [conformed(table, schema, place) for place, table in loaded]
    loaded.clear()
    return pa.concat_tables(tables)


def _formed(request: Request, found: Any) -> Any:
    form = request.wanted.form
    pandas = form is Form.PANDAS or (form is Form.ANY and default_frame() is Form.PANDAS)
    return to_pandas(found) if pandas and isinstance(found, pa.Table) else found


def _stream(session: Session, request: Request) -> pa.RecordBatchReader:
    def opened(place: Place) -> Any:
        return _or_wrong_kind(
            session,
            place,
            PARQUET,
            lambda: ParquetObject(session.store, place, tail_bytes=FOOTER_TAIL_BYTES),
        )

    stored: list[ParquetObject] = [found for _, found in _present(session, request, opened)]
    schemas = [each.narrowed_schema(request.columns) for each in stored]
    schema = common_schema(schemas, [each.place for each in stored])

    def batches() -> Iterator[pa.RecordBatch]:
        for each in stored:
            for table in each.tables(request.columns):
                yield from conformed(table, schema, each.place).to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def _present(session: Session, request: Request, load_one: Callable[[Place], Any]) -> list[tuple[Place, Any]]:
    """Load all places; report those that are missing together, or skip them where that is allowed."""

    def attempt(place: Place) -> Any:
        try:
            return load_one(place)
        except MissingObjectError as error:
            return error

    found = in_parallel(attempt, request.places, session.concurrency)
    missing = [each for each in found if isinstance(each, MissingObjectError)]
    if missing and not request.skip_missing:
        raise missing[0] if len(missing) == 1 else _all_missing(missing, len(request.places))
    if missing:
        request.warn(f"{len(missing)} partitions are missing and were left out: {_names(missing)}")
    pairs = zip(request.places, found, strict=True)
    return [(place, each) for place, each in pairs if not isinstance(each, MissingObjectError)]


def _names(missing: Sequence[MissingObjectError]) -> str:
    names = [str(error.metadata["partition"].value) for error in missing[:_NAMED]]
    return ", ".join(names) + (", ..." if len(missing) > _NAMED else "")


def _all_missing(missing: Sequence[MissingObjectError], of: int) -> StorageError:
    first, last = missing[0].place, missing[-1].place
    span = shlex.quote(f"{first.partition}...{last.partition}")
    return MissingObjectError(
        first,
        PARQUET,
        f"{len(missing)} of the {of} partitions asked for are missing: {_names(missing)}; the first",
        f"Materialise them, e.g. with `dg launch --assets {shlex.quote(first.asset)} --partition-range {span}`, "
        'or let them be left out: dg.AssetIn(metadata={"allow_missing_partitions": True}).',
    )


def _or_wrong_kind(session: Session, place: Place, suffix: str, read: Callable[[], Any]) -> Any:
    """Say it when the asset is there in the other of its two kinds."""
    try:
        return read()
    except MissingObjectError:
        other = PARQUET if suffix == JSON else JSON
        if not exists(session.store, place, other):
            raise
    kinds = {PARQUET: "a frame", JSON: "a plain value"}
    raise WrongKindError(
        place,
        other,
        f"it is stored as {kinds[other]} and asked for as {kinds[suffix]}",
        "Annotate the input with what the asset returns.",
    )
