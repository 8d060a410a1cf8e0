"""One load of one publisher with dlt, in a pipeline of its own.

Imported by steps only, never by definitions: see `defs/ingestion.py`.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator
from dagster_dlt.translator import DltResourceTranslatorData
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

from editorial.downloads import Download
from editorial.publishers import Publisher, Table
from editorial.publishers.journal import Journal, UnreadableFileError
from editorial.warehouse import dlt_url

# dlt reads its settings from the environment when the first source is made; it has no other place that goes before
# a user's own configuration files.
_SETTINGS = {"RUNTIME__DLTHUB_TELEMETRY": "false"}


class RawTranslator(DagsterDltTranslator):
    """Calls the asset of a dlt resource like its table: `raw/<table>`. Nothing is upstream of it."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """Return the spec of one resource; the asset's own is in `defs/ingestion.py`."""
        return dg.AssetSpec(["raw", data.resource.name])


def load(
    context: dg.AssetExecutionContext,
    url: str,
    publisher: Publisher,
    downloads: Sequence[Download],
    journal: Journal,
) -> Iterator[Any]:
    """Load `downloads` into schema `raw` of the database at `url`; yield the results of the selected tables.

    dlt keeps what it has extracted, and its state, in a folder by pipeline, where two loads would take each other's
    files. Here each load has a folder of its own, deleted with it: what counts is in the database.
    """
    os.environ.update(_SETTINGS)
    with tempfile.TemporaryDirectory(prefix=f"dlt-{publisher.name}-", ignore_cleanup_errors=True) as folder:
        pipeline = dlt.pipeline(
            pipeline_name=f"editorial_{publisher.name}",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(credentials=dlt_url(url)),
            dataset_name="raw",
        )
        yield from DagsterDltResource().run(
            context=context,
            dlt_source=_source(publisher, downloads, journal),
            dlt_pipeline=pipeline,
            dagster_dlt_translator=RawTranslator(),
            # Parquet fails on a table without rows. In CSV an empty text becomes NULL.
            loader_file_format="csv",
        )


def _source(publisher: Publisher, downloads: Sequence[Download], journal: Journal) -> DltSource:
    """Return a dlt source that reads `downloads`, a resource per table of the publisher.

    A file's rows replace, in one transaction per table, those that an earlier version of it gave. Files that can't
    be read are left out; the journal says why.
    """

    def resource(table: Table) -> DltResource:
        files = [file for file in downloads if file.table == table.name]
        return dlt.resource(
            lambda: _rows(table, files, journal),
            name=table.name,
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
            merge_key="source_file",
        )

    @dlt.source(name=publisher.name)
    def source() -> list[DltResource]:
        return [resource(table) for table in publisher.tables]

    return source()


def _rows(table: Table, files: Sequence[Download], journal: Journal) -> Iterator[Any]:
    # Also without a file the table is created: the models read it.
    yield table.schema.empty_table()
    for file in files:
        entry = journal.begin(file)
        try:
            for batch in table.read(file, journal):
                journal.take(file, batch.num_rows)
                yield batch
        except UnreadableFileError as error:
            entry.refused = str(error)
        if not file.is_current():
            # Written while it was read: what came of it counts for nothing, and the next load takes it anew.
            journal.forget(file)
