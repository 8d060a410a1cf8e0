"""What asset checks say: of one evaluation, and of those that are reported from outside of runs.

A check is one cause, whether a run evaluates it or somebody reports it (`POST /report_asset_check`, GraphQL's
`reportAssetCheckEvaluations`, `instance.report_runless_asset_event`). Does not belong here: what runs evaluate (`runs`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slipway.alerts.catalog import Catalog, CheckKey, asset_name
from slipway.alerts.causes import Failure, Ledger
from slipway.alerts.client import Client
from slipway.alerts.fingerprints import RootError, fingerprint, root_error
from slipway.alerts.state import Memory

# At least; there is a query to the database for each check (2 ms of the webserver), so of many it is asked more rarely.
EVERY_SECONDS = 30.0
_SECONDS_PER_CHECK = 0.1
# Checks in one question, executions of each at first, and on a further page where all of these are new.
_BATCH = 100
_FIRST = 5
_PAGE = 100
_MOST_PAGES = 20
# Executions are not committed in the order of their times: look back this far.
_OVERLAP_SECONDS = 120.0


def check_subject(location: str, evaluation: dict[str, Any], partition: str) -> str:
    """Return what fails with a check: the check, for a partition of the run's where it has none of its own."""
    asset, check = asset_name(evaluation["assetKey"]), evaluation["checkName"]
    return f"check:{location}/{asset}:{check}@{evaluation['partition'] or partition}"


def is_failure(evaluation: dict[str, Any]) -> bool:
    """Whether an evaluation is one to be told of."""
    return not evaluation["success"] and evaluation["severity"] == "ERROR"


def check_failure(  # noqa: PLR0913 - of a run, or of nobody's
    catalog: Catalog,
    location: str,
    evaluation: dict[str, Any],
    *,
    partition: str = "",
    where: str,
    link: str,
    at: float,
    otherwise: str = "The check gave no description",
) -> Failure:
    """Return the failure that an evaluation means; `otherwise` stands for a description that it lacks."""
    asset, check = asset_name(evaluation["assetKey"]), evaluation["checkName"]
    owners = catalog.owners(asset)
    return Failure(
        kind="check",
        cause=fingerprint("check", location, owners, RootError("", ""), f"{asset}:{check}"),
        subject=check_subject(location, evaluation, partition),
        title=f"Check {check} of {asset} failed",
        where=where,
        error=str(root_error(None, evaluation["description"] or otherwise)),
        location=location,
        owners=owners,
        link=link,
        at=at,
        affects=(f"asset:{asset}",),
    )


@dataclass
class Reported:
    """Deals with the evaluations that were reported since the last time; each is dealt with once."""

    client: Client
    catalog: Catalog
    ledger: Ledger
    memory: Memory
    _asked: float = 0.0

    def take(self, now: float) -> None:
        """Ask after every check of the catalog, if it is time to.

        Raises:
            NoAnswerError: the webserver went away; what was not dealt with comes again.
        """
        checks = self.catalog.checks
        if now - self._asked < max(EVERY_SECONDS, len(checks) * _SECONDS_PER_CHECK):
            return
        self._asked, memory = now, self.memory
        if memory.checked is None:
            memory.checked = memory.polled
        horizon = max(memory.checked - _OVERLAP_SECONDS, memory.began)
        found = [
            each
            for start in range(0, len(checks), _BATCH)
            for each in self._new(checks[start : start + _BATCH], horizon)
        ]
        for check, execution in sorted(found, key=lambda each: int(each[1]["id"])):
            self._apply(check, execution, now)
        newest = max((execution["timestamp"] for _, execution in found), default=0.0)
        # Where nothing happens, it moves once a minute: the file need not be written at each look.
        memory.checked = max(memory.checked, newest, (now - _OVERLAP_SECONDS) // 60 * 60)
        memory.reported = {
            each: at for each, at in memory.reported.items() if at > memory.checked - _OVERLAP_SECONDS
        }

    def _new(self, checks: list[CheckKey], horizon: float) -> Iterator[tuple[CheckKey, dict[str, Any]]]:
        pages = self.client.executions([(check.path, check.name) for check in checks], _FIRST)
        for check, first in zip(checks, pages, strict=True):
            page, size, turned = first, _FIRST, 0
            while True:
                for execution in page:
                    reported = not execution["runId"] and execution["evaluation"]
                    known = execution["id"] in self.memory.reported
                    if reported and not known and execution["timestamp"] > horizon:
                        yield check, execution
                if len(page) < size or page[-1]["timestamp"] <= horizon or turned == _MOST_PAGES:
                    break
                (page,) = self.client.executions([(check.path, check.name)], _PAGE, page[-1]["id"])
                size, turned = _PAGE, turned + 1

    def _apply(self, check: CheckKey, execution: dict[str, Any], now: float) -> None:
        evaluation, at = execution["evaluation"], execution["timestamp"]
        if is_failure(evaluation):
            partition = evaluation["partition"]
            self.ledger.fail(
                check_failure(
                    self.catalog,
                    check.location,
                    evaluation,
                    where="reported from outside" + (f", partition {partition}" if partition else ""),
                    link=f"/assets/{'/'.join(check.path)}?view=checks&checkDetail={check.name}",
                    at=at,
                    otherwise="It was reported without a description; its metadata may say more",
                ),
                now,
            )
        else:
            self.ledger.recover(check_subject(check.location, evaluation, ""), at)
        self.memory.reported[execution["id"]] = at
