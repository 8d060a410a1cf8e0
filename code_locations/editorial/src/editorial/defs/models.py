"""The dbt models as assets, and dbt's tests as their checks.

Two steps, not one: what `row_count` and `freshness` (`checks.py`) say of `stg_unified_impressions` decides whether the
second one runs. Within one dbt call nothing could be put in between. Does not belong here: the models (`dbt/`).
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)

from editorial.build import PROJECT, TARGET, dbt_program
from editorial.contracts import published
from editorial.defs.ingestion import OWNERS, POOL
from editorial.warehouse import dbt_variables
from slipway.contracts.document import to_document
from slipway.environment import lent
from slipway.resources import PostgresResource
from slipway.storage.io_manager import CONTRACT

STAGING = "fqn:editorial.staging"
REPORTING = "fqn:editorial.marts fqn:editorial.editorial"


class ModelTranslator(DagsterDbtTranslator):
    """Calls a model's asset like the model, and a source's like the dlt asset that fills it: `raw/<table>`.

    The group is the model's folder.
    """

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """Return the spec of one model or source."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["resource_type"] == "source":
            return spec.replace_attributes(key=dg.AssetKey([node["source_name"], node["name"]]))
        contract = published(node, node["name"], OWNERS)
        return spec.replace_attributes(
            key=dg.AssetKey(node["name"]),
            group_name=node["fqn"][1],
            owners=OWNERS,
            tags={"layer": node["fqn"][1]},
            # The manifest is made without a database, and its names begin with that of none.
            metadata={
                **spec.metadata,
                "dagster/table_name": f"{node['schema']}.{node['alias']}",
                "materialized": node["config"]["materialized"],
                **{name: value for name, value in node["config"]["meta"].items() if name == "rows_by"},
                **({CONTRACT: dg.MetadataValue.json(to_document(contract))} if contract else {}),
            },
        )


class _Dbt(DbtCliResource):
    """dbt without the adapter that dagster-dbt makes of it in our process for each call: a CPU-second and more.

    Only the fetching of row counts and of column metadata uses it, whose queries name the manifest's database.
    """

    def _initialize_dbt_core_adapter(self, args: Any) -> Any:  # noqa: ARG002
        return None


def model_assets(manifest: Path) -> list[dg.AssetsDefinition]:
    """Return the models of `manifest`: those up to `stg_unified_impressions` as one step, the others as another."""
    translator = ModelTranslator(DagsterDbtTranslatorSettings(enable_asset_checks=True))

    @dbt_assets(
        manifest=manifest, select=STAGING, name="staging_models", dagster_dbt_translator=translator, pool=POOL
    )
    def staging_models(context: dg.AssetExecutionContext, warehouse: PostgresResource) -> Iterator[Any]:
        yield from _build(context, warehouse)

    @dbt_assets(
        manifest=manifest,
        select=REPORTING,
        name="reporting_models",
        dagster_dbt_translator=translator,
        pool=POOL,
    )
    def reporting_models(context: dg.AssetExecutionContext, warehouse: PostgresResource) -> Iterator[Any]:
        yield from _build(context, warehouse)

    return [staging_models, reporting_models]


def _build(context: dg.AssetExecutionContext, warehouse: PostgresResource) -> Iterator[Any]:
    """Run `dbt build` for the selected models: each model, then its tests, and nothing after a test that failed.

    Artifacts and logs go to a folder of this step's own, deleted with it: two runs must not share one, and the
    project's may not be writable. dbt's output is in the run's compute logs.
    """
    dbt = _Dbt(project_dir=PROJECT, profiles_dir=PROJECT, dbt_executable=dbt_program())
    with (
        lent(dbt_variables(warehouse.url)),
        tempfile.TemporaryDirectory(prefix="dbt-", ignore_cleanup_errors=True) as folder,
    ):
        for event in dbt.cli(["build"], context=context, target_path=Path(folder)).stream():
            if isinstance(event, dg.Output):
                _count_rows(event, context, warehouse)
            yield event
        _keep_parse(Path(folder))


def _keep_parse(folder: Path) -> None:
    """Keep what dbt parsed for the next step and run: made with another connection, it is of no use to them."""
    parse = folder / "partial_parse.msgpack"
    with contextlib.suppress(OSError):
        copy = TARGET / f".parse-{os.getpid()}"
        shutil.copy(parse, copy)
        copy.replace(TARGET / parse.name)


def _count_rows(
    output: dg.Output[Any], context: dg.AssetExecutionContext, warehouse: PostgresResource
) -> None:
    """Add the number of rows of a table, by `rows_by` too; of a view it would be counted from all that is below it."""
    metadata = context.assets_def.get_asset_spec(context.asset_key_for_output(output.output_name)).metadata
    if metadata["materialized"] != "table":
        return
    part, table = metadata.get("rows_by"), metadata["dagster/table_name"]
    query = f"SELECT {part or 'NULL'} AS part, count(*) AS rows FROM {table} GROUP BY 1"  # noqa: S608 - names of models
    rows = {str(row["part"]): row["rows"] for row in warehouse.read(query).read_all().to_pylist()}
    counts = {"dagster/row_count": sum(rows.values()), **({f"rows_by_{part}": rows} if part else {})}
    context.add_output_metadata(counts, output_name=output.output_name)
