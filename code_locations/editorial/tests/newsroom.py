"""A warehouse and a folder of downloads, and the location's definitions over both."""

import os
import sys
from pathlib import Path

import dagster as dg

from editorial.definitions import build_defs
from editorial.defs import ingestion
from editorial.downloads import RawDownloads
from slipway.environment import Environment
from slipway.resources import PostgresResource
from slipway.testing.postgres import Database

LOADS = {
    "ebnerd": ingestion.load_ebnerd,
    "adressa": ingestion.load_adressa,
    "mind": ingestion.load_mind,
}


class Newsroom:
    def __init__(self, warehouse: Database, folder: Path) -> None:
        self.warehouse = warehouse
        self.folder = folder
        self.instance = dg.DagsterInstance.ephemeral()

    @property
    def resources(self) -> dict[str, object]:
        return {
            "warehouse": PostgresResource(url=self.warehouse.url, connect_retry_seconds=1),
            "raw_downloads": RawDownloads(folder=str(self.folder)),
        }

    def definitions(self, environment: Environment = Environment.LOCAL) -> dg.Definitions:
        return build_defs(resources=self.resources, environment=environment)

    def load(self, publisher: str) -> dict[str, dict[str, object]]:
        """Load one publisher's new files; return the metadata of each of its tables."""
        result = dg.materialize([LOADS[publisher]], resources=self.resources, instance=self.instance)
        return {
            event.asset_key.path[-1]: {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in result.get_asset_materialization_events()
        }

    def run(self, job: str, environment: Environment = Environment.LOCAL) -> dg.ExecuteInProcessResult:
        definition = self.definitions(environment).resolve_job_def(job)
        return definition.execute_in_process(instance=self.instance, raise_on_error=False)

    def count(self, table: str, where: str = "true") -> int:
        return self.warehouse.rows(f"SELECT count(*) FROM {table} WHERE {where}")[0][0]

    def file(self, name: str) -> Path:
        return self.folder / name


def main() -> None:
    """Load one publisher, as a run's process of its own does: URL, folder, publisher; starts on a line of stdin."""
    url, folder, publisher = sys.argv[1:]
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    Newsroom(Database(url), Path(folder)).load(publisher)
    # Without waiting for what libraries do at exit.
    os._exit(0)


if __name__ == "__main__":
    main()
