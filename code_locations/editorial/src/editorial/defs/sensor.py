"""`raw_download_sensor`: files that land in the folder of downloads start the ingest of their publisher.

Does not belong here: which file is whose (`downloads.py`), and the ingest (`ingestion.py`), which itself takes no
version of a file twice.
"""

import hashlib
import json
from collections.abc import Iterable

import dagster as dg

from editorial.defs.jobs import editorial_daily, ingest_jobs, ingest_name
from editorial.downloads import Download, RawDownloads
from editorial.ledger import loaded_files
from editorial.publishers import ALL, Publisher
from slipway.resources import PostgresResource

SECONDS = 15
AT_REST_SECONDS = 5.0
"""A file that nobody has touched for so long is complete. One that is not, after all, is taken again when it is."""

IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.sensor(
    jobs=ingest_jobs,
    minimum_interval_seconds=SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the ingest of a publisher when a file of it is new, or written anew, and complete.",
)
def raw_download_sensor(
    context: dg.SensorEvaluationContext, raw_downloads: RawDownloads, warehouse: PostgresResource
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a run per publisher with new files; once per version of a file.

    The cursor has a mark of 10 characters for each complete file that is there, by publisher: a few files each. A
    file that is moved in with its whole folder, or unpacked with an old date, is new all the same. What is loaded
    already needs no run; while `editorial_daily` is going, which takes whatever is there, nothing is asked for.
    """
    going = dg.RunsFilter(job_name=editorial_daily.name, statuses=IN_PROGRESS)
    if context.instance.get_run_records(going, limit=1):
        return dg.SkipReason(f"{editorial_daily.name} is going and takes what there is")
    seen = {name: set(marks) for name, marks in json.loads(context.cursor or "{}").items()}
    cursor: dict[str, list[str]] = {}
    requests = []
    complete = [file for file in raw_downloads.files() if file.at_rest(AT_REST_SECONDS)]
    for publisher in ALL:
        files = _of(publisher, complete)
        cursor[publisher.name] = sorted(files)
        new = sorted(set(files) - seen.get(publisher.name, set()))
        if new:
            loaded = {_mark(row["name"], row["version"]) for row in loaded_files(warehouse, publisher)}
            new = [mark for mark in new if mark not in loaded]
        if new:
            requests.append(_request(publisher, new, [files[mark] for mark in new]))
    if not requests and seen:
        return dg.SensorResult(skip_reason="No new file", cursor=json.dumps(cursor))
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(cursor))


def _of(publisher: Publisher, files: Iterable[Download]) -> dict[str, str]:
    """Return the names of the publisher's files by their marks."""
    tables = {table.name for table in publisher.tables}
    return {_mark(file.name, file.version): file.name for file in files if file.table in tables}


def _mark(name: str, version: str) -> str:
    return hashlib.sha256(f"{name} {version}".encode()).hexdigest()[:10]


def _request(publisher: Publisher, marks: list[str], names: list[str]) -> dg.RunRequest:
    key = hashlib.sha256(" ".join(marks).encode()).hexdigest()[:16]
    return dg.RunRequest(
        run_key=f"{publisher.name}-{key}",
        job_name=ingest_name(publisher),
        tags={
            "publisher": publisher.name,
            "editorial/first_file": names[0],
            "editorial/files": str(len(names)),
        },
    )
