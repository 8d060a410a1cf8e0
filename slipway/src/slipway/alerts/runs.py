"""What ended runs say: which steps and checks failed, and which that failed before are well again.

Each run is dealt with once, when it has ended for good: not while the daemon is going to retry it. Its checks
count at once, for a retry does not run again what went through.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from slipway.alerts.catalog import Catalog, asset_name
from slipway.alerts.causes import Failure, Ledger
from slipway.alerts.checks import check_failure, check_subject, is_failure
from slipway.alerts.client import RUNS, RUNS_PER_PAGE, Client, RejectedError, tags_of
from slipway.alerts.fingerprints import LONGEST, RootError, fingerprint, root_error
from slipway.alerts.state import Memory

# A run's end and the tag that says whether it is retried are two writes.
SETTLE_SECONDS = 10.0
# A retry that the daemon has given up without a word (a backfill that was cancelled) does not come any more.
PATIENCE_SECONDS = 900.0
# Updates are not committed in the order of their times: look back this far.
OVERLAP_SECONDS = 120.0
# At one look: after hours without a watcher there may be thousands.
MOST_RUNS = 200
_WILL_RETRY = "dagster/will_retry"
_RETRIED_BY = "dagster/auto_retry_run_id"
_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
_BLOCKED = "DagsterAssetCheckFailedError"


@dataclass
class _Verdict:
    """What one run comes to; applied as a whole, or not at all when the webserver goes away in the middle."""

    failures: list[Failure] = field(default_factory=list)
    well: list[tuple[str, float]] = field(default_factory=list)


@dataclass
class Runs:
    """Deals with the runs that have ended since the last look."""

    client: Client
    catalog: Catalog
    ledger: Ledger
    memory: Memory

    @property
    def updated_after(self) -> float:
        """From when on updates of runs are to be asked for."""
        return self.memory.updated - OVERLAP_SECONDS

    def take(self, first_page: list[dict[str, Any]], now: float) -> None:
        """Deal with everything that is new on the first page, on those behind it, and in the waiting room.

        Raises:
            NoAnswerError: the webserver went away; what was not dealt with comes again.
        """
        horizon = max(self.updated_after, self.memory.began)
        runs = sorted(self._all(first_page), key=_ended_at)
        new = [run for run in runs if not self._is_known(run["runId"]) and _ended_at(run) > horizon]
        for run in new[:MOST_RUNS]:
            self._take(run, now)
        self._look_after_waiting(now)
        if len(new) > MOST_RUNS:
            # The rest is there at the next look; what it comes to so far is told meanwhile.
            return
        newest = max((run["updateTime"] for run in runs), default=0.0)
        # Where nothing happens, it moves once a minute: so a burst is not asked for again and again.
        self.memory.updated = max(self.memory.updated, newest, (now - OVERLAP_SECONDS) // 60 * 60)
        keep = self.updated_after
        self.memory.seen = {run: end for run, end in self.memory.seen.items() if end > keep}

    def _is_known(self, run_id: str) -> bool:
        return run_id in self.memory.seen or run_id in self.memory.waiting

    def _all(self, page: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        updated = self.updated_after
        yield from page
        while len(page) == RUNS_PER_PAGE:
            answer = self.client.ask(RUNS, updated=updated, cursor=page[-1]["runId"])
            page = answer["runsOrError"].get("results", [])
            yield from page

    def _take(self, run: dict[str, Any], now: float) -> None:
        final = run["status"] != "FAILURE" or _is_final(run, now, now)
        verdict = self._judge(run, final=final, checks=True)
        if final is False:
            self.memory.waiting[run["runId"]] = now
        self._apply(run, verdict, now)

    def _look_after_waiting(self, now: float) -> None:
        ids = list(self.memory.waiting)
        if not ids:
            return
        answer = self.client.ask(RUNS, ids=ids[:RUNS_PER_PAGE])["runsOrError"].get("results", [])
        found = {run["runId"]: run for run in answer}
        for run_id in ids[:RUNS_PER_PAGE]:
            run = found.get(run_id)
            final = _is_final(run, self.memory.waiting[run_id], now) if run else None
            if run and final:
                self._apply(run, self._judge(run, final=True, checks=False), now)
            if final is not False:
                del self.memory.waiting[run_id]

    def _apply(self, run: dict[str, Any], verdict: _Verdict, now: float) -> None:
        for failure in verdict.failures:
            self.ledger.fail(failure, now)
        for subject, at in verdict.well:
            self.ledger.recover(subject, at)
        self.memory.seen[run["runId"]] = _ended_at(run)

    def _judge(self, run: dict[str, Any], *, final: bool | None, checks: bool) -> _Verdict:
        """Return what failed in a run, and what did not; asks for no more than may matter."""
        verdict = _Verdict()
        scope = _Scope(run, self.catalog)
        failed = run["status"] == "FAILURE" and bool(final)
        interested = any(
            scope.location == cause.location for cause in self.ledger.causes.values() if cause.kind == "run"
        )
        try:
            details = self.client.details(run["runId"], steps=interested)
            events = (
                list(self.client.events(run["runId"]))
                if failed or (checks and details.get("assetChecks"))
                else []
            )
        except RejectedError as error:
            # One run that can't be read must not hold up the others.
            details, events = (
                {},
                [{"__typename": "RunFailureEvent", "message": f"Its events can't be read: {error}"}],
            )
        evaluations = [event["evaluation"] for event in events if "evaluation" in event]
        if checks:
            _judge_checks(scope, evaluations, verdict)
        if failed:
            blocked = any(is_failure(each) for each in evaluations)
            verdict.failures += scope.failures(events, blocked=blocked)
        for step in details.get("stepStats") or ():
            if step["status"] == "SUCCESS":
                verdict.well.append((scope.step(step["stepKey"]), step["endTime"] or _ended_at(run)))
        if run["status"] == "SUCCESS":
            verdict.well.append((scope.job, _ended_at(run)))
        return verdict


class _Scope:
    """Names things of one run."""

    def __init__(self, run: dict[str, Any], catalog: Catalog) -> None:
        tags = tags_of(run)
        origin = run["repositoryOrigin"] or {}
        self.location = origin.get("repositoryLocationName") or tags.get("dagster/code_location", "")
        self.partition = tags.get(_PARTITION) or "...".join(
            filter(None, (tags.get(_RANGE_START), tags.get(_RANGE_END)))
        )
        self.run = run
        self.catalog = catalog
        self.selected = tuple(asset_name(key) for key in run["assetSelection"] or ())

    @property
    def job(self) -> str:
        return f"job:{self.location}/{self.run['jobName']}@{self.partition}"

    def step(self, key: str) -> str:
        return f"step:{self.location}/{key}@{self.partition}"

    def where(self, partition: str) -> str:
        name = self.run["jobName"]
        job = "a run of chosen assets" if name.startswith("__ASSET_JOB") else f"job {name}"
        return f"{job}, partition {partition}" if partition else job

    def failures(self, events: list[dict[str, Any]], *, blocked: bool) -> list[Failure]:
        """Return what failed: the steps, or the run itself where no step did."""
        steps = [event for event in events if event["__typename"] == "ExecutionStepFailureEvent"]
        found = []
        for event in steps:
            error = root_error(event["error"], event["message"])
            # What a failed check stopped is not a second cause.
            if not (blocked and error.name == _BLOCKED):
                said = (event.get("failureMetadata") or {}).get("description")
                found.append(
                    self._step_failure(event["stepKey"], error, (said or str(error)).strip()[:LONGEST])
                )
        if not steps:
            ends = [event for event in events if event["__typename"] == "RunFailureEvent"]
            last = ends[-1] if ends else {}
            found.append(
                self._run_failure(
                    root_error(last.get("error"), last.get("message", "No reason was recorded"))
                )
            )
        return found

    def _step_failure(self, step: str, error: RootError, said: str) -> Failure:
        """Return a step's failure: `error` is what makes it the same as others, `said` what people are told of it.

        A `dagster.Failure` says what it is about and the way out, and its innermost error often neither.
        """
        assets = self.catalog.assets_of_step(self.location, step)
        owners = self.catalog.owners(*(assets or self.selected))
        return Failure(
            kind="run",
            cause=fingerprint("run", self.location, owners, error, step),
            subject=self.step(step),
            title=f"Step {step} failed",
            where=self.where(self.partition),
            error=said,
            location=self.location,
            owners=owners,
            link=f"/runs/{self.run['runId']}",
            at=_ended_at(self.run),
            affects=tuple(f"asset:{asset}" for asset in assets),
        )

    def _run_failure(self, error: RootError) -> Failure:
        owners = self.catalog.owners(*self.selected)
        return Failure(
            kind="run",
            cause=fingerprint("run", self.location, owners, error, self.run["jobName"]),
            subject=self.job,
            title=f"A run of {self.where('')} failed",
            where=self.where(self.partition),
            error=str(error),
            location=self.location,
            owners=owners,
            link=f"/runs/{self.run['runId']}",
            at=_ended_at(self.run),
            affects=tuple(f"asset:{asset}" for asset in self.selected),
            behind=(f"location:{self.location}",),
        )

    def check_failure(self, evaluation: dict[str, Any]) -> Failure:
        return check_failure(
            self.catalog,
            self.location,
            evaluation,
            partition=self.partition,
            where=self.where(evaluation["partition"] or self.partition),
            link=f"/runs/{self.run['runId']}",
            at=_ended_at(self.run),
        )

    def check(self, evaluation: dict[str, Any]) -> str:
        return check_subject(self.location, evaluation, self.partition)


def _judge_checks(scope: _Scope, evaluations: list[dict[str, Any]], verdict: _Verdict) -> None:
    # The last word of each check counts: a step that was retried evaluates its checks anew.
    for evaluation in {scope.check(each): each for each in evaluations}.values():
        if is_failure(evaluation):
            verdict.failures.append(scope.check_failure(evaluation))
        else:
            verdict.well.append((scope.check(evaluation), _ended_at(scope.run)))


def _is_final(run: dict[str, Any], since: float, now: float) -> bool | None:
    """Whether a failed run has failed for good; None when another run has taken its place."""
    tags = tags_of(run)
    if _RETRIED_BY in tags:
        return None
    will_retry = tags.get(_WILL_RETRY)
    if will_retry is None:
        return now - max(since, _ended_at(run)) > SETTLE_SECONDS
    return will_retry != "true" or now - since > PATIENCE_SECONDS


def _ended_at(run: dict[str, Any]) -> float:
    return float(run["endTime"] or run["updateTime"])
