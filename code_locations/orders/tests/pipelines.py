"""The job `daily_pipeline` run in the test's process, on a source and a folder of its own."""

import hashlib
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq

from orders.definitions import build_defs
from slipway.resources import PostgresResource
from slipway.storage import ParquetIOManager
from slipway.testing.postgres import Database


class Pipeline:
    """The job `daily_pipeline`, or a selection of assets, over a source, with the assets in a folder."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        assets: tuple[str, ...] = (),
        source: PostgresResource | None = None,
    ) -> None:
        self.folder = folder
        resources = {
            "source": source or PostgresResource(url=database.url, connect_retry_seconds=1),
            "io_manager": ParquetIOManager(base_url=folder.as_uri()),
        }
        jobs = [dg.define_asset_job("chosen", dg.AssetSelection.assets(*assets))] if assets else []
        self.defs = dg.Definitions.merge(build_defs(resources=resources), dg.Definitions(jobs=jobs))
        self.job = self.defs.resolve_job_def("chosen" if assets else "daily_pipeline")
        self.instance = dg.DagsterInstance.ephemeral()

    def run(self, first: str, last: str, *, fails: bool = False) -> dg.ExecuteInProcessResult:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        result = self.job.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)
        assert result.success is not fails, result.get_failed_step_keys()
        return result

    def run_day(self, day: str) -> dg.ExecuteInProcessResult:
        result = self.job.execute_in_process(instance=self.instance, partition_key=day)
        assert result.success
        return result

    def materialize(
        self, asset: str, config: dict | None = None, partition: str | None = None
    ) -> dg.ExecuteInProcessResult:
        """Make one asset, with its op's config."""
        job = self.defs.resolve_implicit_global_asset_job_def().get_subset(
            asset_selection={dg.AssetKey(asset)}
        )
        run_config = {"ops": {asset: {"config": config}}} if config else {}
        result = job.execute_in_process(
            instance=self.instance, run_config=run_config, partition_key=partition
        )
        assert result.success
        return result

    def rows(self, asset: str, day: str | None = None) -> list[tuple]:
        path = self.folder / asset / f"{day}.parquet" if day else self.folder / f"{asset}.parquet"
        table = pq.ParquetFile(path).read()
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def digests(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_file()
        }
