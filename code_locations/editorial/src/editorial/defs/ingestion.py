"""The publishers' files, loaded into schema `raw` with dlt: an asset per table, a step per publisher.

Belongs here: the assets. Does not belong here: how dlt is run (`loading.py`), how a file is read (`publishers/`), and
what is loaded already (`ledger.py`). Nothing of dlt is imported here: making one of its sources starts its telemetry
and reads its configuration, which is a run's business and not that of loading definitions.
"""

from collections.abc import Iterator

import dagster as dg

from editorial.downloads import RawDownloads
from editorial.ledger import turn
from editorial.publishers import ALL, Publisher, Table
from editorial.publishers.journal import Journal
from slipway.resources import PostgresResource

OWNERS = ["team:editorial"]
GROUP = "raw"
POOL = "editorial_warehouse"
"""Limits what works on the warehouse at the same time, over all runs; the limit is declared in pyproject.toml."""


def key_of(table: Table) -> dg.AssetKey:
    """Return the key of the asset of a table."""
    return dg.AssetKey(["raw", table.name])


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        key_of(table),
        description=table.description,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"dlt", "postgres"},
        tags={"layer": "raw"},
        metadata={"dagster/table_name": f"raw.{table.name}"},
    )


def _assets(publisher: Publisher) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"load_{publisher.name}",
        specs=[_spec(table) for table in publisher.tables],
        can_subset=True,
        pool=POOL,
    )
    def load(
        context: dg.AssetExecutionContext, warehouse: PostgresResource, raw_downloads: RawDownloads
    ) -> Iterator[dg.MaterializeResult[None]]:
        from editorial.loading import load as run_dlt  # noqa: PLC0415 - imports dlt

        wanted = {key.path[-1] for key in context.selected_asset_keys}
        with turn(warehouse, publisher, context.run.run_id) as ours:
            files = ours.changed(file for file in raw_downloads.files() if file.table in wanted)
            if not files and ours.has_tables():
                context.log.info("No file of %s is new", publisher.name)
                yield from (dg.MaterializeResult(asset_key=key) for key in context.selected_asset_keys)
                return
            journal = Journal()
            results = list(run_dlt(context, warehouse.url, publisher, files, journal))
            ours.record(journal.entries.values())
            yield from (_with_counts(result, journal) for result in results)

    return load


def _with_counts(result: dg.MaterializeResult[None], journal: Journal) -> dg.MaterializeResult[None]:
    table = result.asset_key.path[-1] if result.asset_key else ""
    entries = [entry for entry in journal.entries.values() if entry.download.table == table]
    counts = {
        "files": len(entries),
        "rows": sum(entry.rows for entry in entries),
        "rejected": sum(entry.rejected for entry in entries),
        "refused_files": sum(entry.refused is not None for entry in entries),
    }
    return result._replace(metadata={**(result.metadata or {}), **counts})


load_ebnerd, load_adressa, load_mind = (_assets(publisher) for publisher in ALL)
