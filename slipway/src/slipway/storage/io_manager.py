"""The IO manager that every code location uses unless it names another one.

Belongs here: what Dagster's contexts say, handed on as plain values. Does not belong here: how
anything is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import dagster as dg
import pyarrow as pa
from pydantic import Field, PrivateAttr

from slipway.retries.policy import Retries, attempts_of
from slipway.storage.annotations import Form, Wanted, wanted
from slipway.storage.errors import StorageError, UnsupportedValueError
from slipway.storage.inputs import Request, load
from slipway.storage.keys import Place, asset_place, output_place
from slipway.storage.metadata import Metadata
from slipway.storage.outputs import PARTITION_BY, Target, store_one, store_partitions
from slipway.storage.parquet_write import WriteOptions
from slipway.storage.session import Session
from slipway.storage.store import RETRY_SECONDS, open_store
from slipway.storage.updates import Change, update_frame

COLUMNS = "columns"
"""Key in an input's metadata: the columns to load. Dagster's own database IO managers name it so."""
ALLOW_MISSING = "allow_missing_partitions"
"""Key in an input's metadata: leave missing partitions out. Dagster's `UPathIOManager` names it so."""
CONTRACT = "slipway/contract"
"""Key in an asset's metadata: its contract, which is published beside it; `slipway.contracts` sets it."""


class ParquetIOManager(dg.ConfigurableIOManager):
    """Keep assets as Parquet (frames) or JSON (plain values) on S3 or on a disk.

    What an asset may return:

    * a pandas DataFrame, a pyarrow Table, or a pyarrow RecordBatchReader, which is written as it is read;
    * int, float, str, bool, None, and dicts (with string keys) and lists of them;
    * over several partitions (`BackfillPolicy.single_run()`): a dict of partition key to any of these; an
      iterator of such pairs, written as they arrive (`-> dg.Output` and `return dg.Output(pairs())`: a bare
      generator Dagster takes for the asset's events); or one frame, if the asset's metadata say which column to divide it by:
      `@asset(metadata={"slipway/partition_by": "ordered_at"})` (for multi-partitions a dict of dimension
      to column). The column is then checked in runs of one partition as well.

    What a consumer gets is in its annotation: `pandas.DataFrame`, `pyarrow.Table`,
    `pyarrow.RecordBatchReader` (a row group at a time), or the plain type; of several partitions one
    frame in their order, or with `dict[str, pandas.DataFrame]` or `dict[str, pyarrow.Table]` a frame each.
    Without an annotation: what is stored, frames as pandas if it is installed.
    `AssetIn(metadata={"columns": [...]})` fetches those columns' bytes only;
    `AssetIn(metadata={"allow_missing_partitions": True})` leaves out partitions that are not there; of
    none at all it makes a frame without columns.

    Objects are replaced whole: a reader sees the old one or the new one, and a failed write changes
    nothing. The same rows give the same bytes. Of a pandas frame a RangeIndex is not kept (it begins at 0
    again), every other index is.

    Peak memory beyond the frame itself: writing, one row group (at most `row_group_megabytes`, decoded and
    encoded) and four parts of 8 MiB; reading, 32 MiB
    encoded (or two row groups, if those are larger) and one column twice. A frame that is
    divided over partitions, and a dict, are written four partitions at a time.

    Errors are `slipway.storage.errors.StorageError`s; nothing is ever pickled or unpickled. One that can pass makes
    Dagster try the step again, `step_retries` times, after the delays of `slipway.retries`.
    """

    base_url: str = Field(
        description="s3://bucket, s3://bucket/prefix or file:///folder; assets are below it"
    )
    row_group_rows: int = Field(default=262_144, gt=0, description="Rows of a row group, at most")
    row_group_megabytes: int = Field(
        default=64, gt=0, description="Size of a row group in memory, about, in MiB"
    )
    compression_level: int = Field(default=1, ge=1, le=22, description="Level of zstd")
    read_concurrency: int = Field(default=8, gt=0, description="Objects that are loaded at a time")
    retry_seconds: float = Field(
        default=RETRY_SECONDS, ge=0, description="For how long a server that is down is asked again"
    )
    step_retries: int = Field(
        default=Retries().max_retries,
        ge=0,
        description="How often a step is tried again after a fault of the server that can pass (slipway.retries)",
    )
    preview: bool = Field(
        default=True,
        description="Whether the first 5 rows are shown with a materialisation; they are kept in Dagster's database",
    )

    _session: Session | None = PrivateAttr(default=None)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store `obj`, and then its contract if it has one.

        Raises `slipway.storage.errors.StorageError`, or asks for a retry of the step.
        """
        declared = context.definition_metadata or {}
        # Around the asset's own errors too: of a stream they come while it is written.
        with Retries(self.step_retries).asked_for(lambda: attempts_of(context)):
            if context.has_asset_key and CONTRACT in declared:
                with self._contract(context, declared[CONTRACT].data):
                    self._store(context, obj, declared)
            else:
                self._store(context, obj, declared)

    def load_input(self, context: dg.InputContext) -> Any:
        """Return the asset, or its partitions, as the input is annotated. Raises as `handle_output`."""
        with Retries(self.step_retries).asked_for(lambda: attempts_of(context)):
            return self._load(context)

    def _store(self, context: dg.OutputContext, obj: Any, declared: Mapping[str, Any]) -> None:
        session = self._opened()
        if not context.has_asset_key or not context.has_asset_partitions:
            metadata = store_one(session, self._place(context), obj, declared)
            context.add_output_metadata(_without(metadata, context.output_metadata))
            return
        key = context.asset_key
        places = {str(part): asset_place(self.base_url, key, part) for part in context.asset_partition_keys}
        target = Target(
            f"asset {key.to_user_string()}", places, context.asset_partitions_def, declared.get(PARTITION_BY)
        )
        # An output's own metadata go to every partition of the run; what is true of one is added to it alone.
        store_partitions(
            session,
            target,
            obj,
            declared,
            lambda part, metadata: context.step_context.add_asset_metadata(
                _without(metadata, context.output_metadata), asset_key=key, partition_key=part
            ),
        )

    def _load(self, context: dg.InputContext) -> Any:
        places, partitioned = [self._place(context)], False
        if context.has_asset_key and context.has_asset_partitions:
            partitioned = True
            places = [
                asset_place(self.base_url, context.asset_key, part)
                for part in _in_order(context.asset_partitions_def, context.asset_partition_keys)
            ]
        metadata = context.definition_metadata or {}
        label = f"input {context.name!r} ({_label(context)})" if context.has_input_name else _label(context)
        asked = wanted(context.dagster_type.typing_type, label)
        if asked.by_partition and not partitioned:
            raise UnsupportedValueError(
                f"{label}: a frame per partition is asked for, and it has no partitions; annotate it as one frame"
            )
        request = Request(
            places,
            asked,
            _columns(metadata.get(COLUMNS), label),
            partitioned and bool(metadata.get(ALLOW_MISSING)),
            context.log.warning,
        )
        return load(self._opened(), request)

    def read_table(
        self,
        key: dg.AssetKey,
        partitions: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        allow_missing: bool = False,
    ) -> pa.Table:
        """Return a stored frame outside of Dagster's inputs: the asset's own last one, or some partitions.

        An input is all or one of an asset's partitions, chosen when the code is loaded. An asset that adds to what it
        made before, or a check that needs one column, takes this IO manager as a parameter (`io_manager:
        dg.ResourceParam[ParquetIOManager]`) and asks for just that. `partitions` are joined in the order given; what is not
        there is left out with `allow_missing`, and of nothing at all it makes a table without columns.

        Raises:
            MissingObjectError, naming all that are missing; ObjectError; SchemaMismatchError.
        """
        return cast("pa.Table", self._read(Form.TABLE, key, partitions, columns, allow_missing=allow_missing))

    def read_stream(self, key: dg.AssetKey, *, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
        """Return the frame of an asset without partitions, a row group at a time; otherwise as `read_table`."""
        return cast("pa.RecordBatchReader", self._read(Form.READER, key, None, columns, allow_missing=False))

    def _read(
        self,
        form: Form,
        key: dg.AssetKey,
        partitions: Sequence[str] | None,
        columns: Sequence[str] | None,
        *,
        allow_missing: bool,
    ) -> Any:
        parts: Sequence[str | None] = [None] if partitions is None else partitions
        places = [asset_place(self.base_url, key, part) for part in parts]
        label = f"asset {key.to_user_string()}"
        request = Request(places, Wanted(form), _columns(columns, label), allow_missing, _quiet)
        return load(self._opened(), request)

    @contextmanager
    def _contract(self, context: dg.OutputContext, document: Mapping[str, Any]) -> Iterator[None]:
        """Publish the contract once the asset is stored: it never promises what is not there yet."""
        from slipway.contracts import publication  # noqa: PLC0415 - an asset without a contract needs none of it

        place, store = asset_place(self.base_url, context.asset_key, None), self._opened().store
        data = publication.outdated(store, place, document)
        yield
        if data is not None:
            publication.publish(store, place, data)

    def update(
        self,
        key: dg.AssetKey,
        partition: str | None,
        change: Change,
        declared: Mapping[str, Any] | None = None,
    ) -> Metadata:
        """Replace a frame by `change(frame or None)` and return the metadata of its materialisation.

        For assets that many runs add to: `change` is called again on what is then there if another run was
        quicker, so that no rows are lost. An asset that takes this resource as its parameter `io_manager`
        records the materialisation itself, as it alone knows which partitions it touched; `declared` are
        the metadata of its definition. Raises as `slipway.storage.updates.update_frame` does.
        """
        return update_frame(
            self._opened(), asset_place(self.base_url, key, partition), change, declared or {}
        )

    def _opened(self) -> Session:
        if self._session is None:
            options = WriteOptions(
                self.row_group_rows, self.row_group_megabytes * 1024 * 1024, self.compression_level
            )
            store = open_store(self.base_url, retry_seconds=self.retry_seconds)
            self._session = Session(store, self.base_url, options, self.read_concurrency, self.preview)
        return self._session

    def _place(self, context: dg.InputContext | dg.OutputContext) -> Place:
        if context.has_asset_key:
            return asset_place(self.base_url, context.asset_key, None)
        return output_place(self.base_url, context.get_identifier())


def _quiet(_: str) -> None:
    """Say nothing: who asks with `allow_missing` sees what came back."""


def _label(context: dg.InputContext) -> str:
    return f"asset {context.asset_key.to_user_string()}" if context.has_asset_key else "an op's output"


def _in_order(definition: dg.PartitionsDefinition[str], keys: Any) -> list[str]:
    """Return `keys` in the definition's order: a subset of static partitions is a set."""
    asked = list(keys)
    if isinstance(definition, dg.TimeWindowPartitionsDefinition) or len(asked) < 2:  # noqa: PLR2004
        return asked
    remaining = {str(key): key for key in asked}
    with_order = [remaining.pop(str(key)) for key in definition.get_partition_keys() if str(key) in remaining]
    return with_order + sorted(remaining.values())


def _columns(asked: Any, label: str) -> tuple[str, ...] | None:
    if asked is None:
        return None
    if isinstance(asked, str) or not all(isinstance(name, str) for name in asked):
        raise StorageError(
            f'{label}: the metadata "{COLUMNS}" has to be a list of column names, and is {asked!r}'
        )
    return tuple(dict.fromkeys(asked))


def _without(metadata: Metadata, own: Mapping[str, Any]) -> Metadata:
    """Leave out what the asset says itself: it may know better, and Dagster would let ours win."""
    return {key: value for key, value in metadata.items() if key not in own}
