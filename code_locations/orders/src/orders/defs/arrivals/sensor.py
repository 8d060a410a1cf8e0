"""`landing_sensor`: one run for each version of each file of the landing zone.

Belongs here: what a tick does. Does not belong here: how the listing is gone through
(`slipway.resources.landing_scan`), what a run does (`assets.py`).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import dagster as dg

from orders.defs.arrivals.assets import JOB
from orders.defs.arrivals.settings import ArrivalSettings
from slipway.resources import LandingBucket
from slipway.resources.landing import LandingObject, MissingObjectError
from slipway.resources.landing_queue import Arrival, LandingQueue, Message
from slipway.resources.landing_scan import Limits, Position, Zone, step, version_key

NAME = "landing_sensor"
KEY_TAG = "slipway/s3_key"
_RUN_KEY = "dagster/run_key"
_SENSOR = "dagster/sensor_name"
_NEW = dg.DagsterRunStatus.NOT_STARTED
_RECORDED = [each for each in dg.DagsterRunStatus if each is not _NEW]


@dataclass(frozen=True)
class Version:
    """What a run is requested for: a key of the landing zone and the version of it."""

    key: str
    version: str


def build_landing_sensor(settings: ArrivalSettings, limits: Limits | None = None) -> dg.SensorDefinition:
    """Return the sensor, on from the first deployment in every environment: files come unasked."""
    bounds = limits or Limits(objects=settings.files_per_tick)

    @dg.sensor(
        name=NAME,
        job_name=JOB,
        minimum_interval_seconds=settings.interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts {JOB} for each version of each file that lands below {settings.prefix}/.",
    )
    def landing_sensor(context: dg.SensorEvaluationContext, landing: LandingBucket) -> dg.SensorResult:
        """Ask the queue, if there is one, and go on through the listing; request a run for what is new.

        A tick takes at most `bounds`, of messages as of objects, and nothing while `waiting_runs` wait: files
        wait in the bucket. The run key is address and version, so that Dagster itself refuses a second run. The cursor
        is the place in the listing.

        Raises:
            LandingError: the bucket can't be listed; the next tick goes on where this one began.
        """
        position, now, begun = Position.from_text(context.cursor), datetime.now(UTC), time.monotonic()
        waiting = _waiting(context)
        room = settings.waiting_runs - waiting
        if room <= 0:
            reason = f"{waiting} runs of {JOB} wait for a place; the next files are taken when fewer do."
            return dg.SensorResult(skip_reason=reason, cursor=context.cursor)
        within = replace(bounds, objects=min(bounds.objects, room))
        arrived = _from_queue(context, landing, settings, within)
        looked_at = 0
        if arrived is None or _is_due(position, now, settings):
            zone = Zone(
                landing, settings.prefix, lambda objects: _known(context, _run_keys(landing, objects))
            )
            left = replace(within, seconds=begun + bounds.seconds - time.monotonic())
            taken = step(zone, position, left, now)
            position, looked_at = taken.position, taken.looked_at
            arrived = {
                **(arrived or {}),
                **_by_run_key(landing, [Version(o.key, o.version) for o in taken.found]),
            }
        where = landing.address(settings.prefix)
        return dg.SensorResult(
            run_requests=[_request(run_key, version) for run_key, version in arrived.items()],
            skip_reason=None if arrived else f"Nothing new below {where}; {looked_at} keys looked at.",
            cursor=position.to_text(),
        )

    return landing_sensor


def _request(run_key: str, version: Version) -> dg.RunRequest:
    config = {"s3_key": version.key, "version": version.version}
    return dg.RunRequest(
        run_key=run_key,
        run_config={"ops": {"landed_orders": {"config": config}}},
        tags={KEY_TAG: version.key},
    )


def _run_keys(landing: LandingBucket, objects: Sequence[LandingObject]) -> list[str]:
    return [version_key(landing.address(each.key), each.version) for each in objects]


def _by_run_key(landing: LandingBucket, versions: Sequence[Version]) -> dict[str, Version]:
    return {version_key(landing.address(each.key), each.version): each for each in versions}


def _known(context: dg.SensorEvaluationContext, run_keys: Sequence[str]) -> set[str]:
    """Return those run keys for which this sensor has a run. One question to the database.

    A run that was created and could not be submitted is none yet: asked for again, the daemon submits that one.
    """
    if not run_keys:
        return set()
    asked = dg.RunsFilter(tags={_RUN_KEY: list(run_keys), _SENSOR: NAME}, statuses=_RECORDED)
    return {run.tags[_RUN_KEY] for run in context.instance.get_runs(filters=asked)}


def _waiting(context: dg.SensorEvaluationContext) -> int:
    waiting = dg.RunsFilter(tags={_SENSOR: NAME}, statuses=[dg.DagsterRunStatus.QUEUED])
    return context.instance.get_runs_count(waiting)


def _is_due(position: Position, now: datetime, settings: ArrivalSettings) -> bool:
    """Whether the listing is to be gone on with: a pass that has begun is finished first."""
    begun = position.started is not None or position.since is None
    return begun or now - position.since >= timedelta(seconds=settings.reconcile_seconds)  # type: ignore[operator]


def _from_queue(
    context: dg.SensorEvaluationContext, landing: LandingBucket, settings: ArrivalSettings, limits: Limits
) -> dict[str, Version] | None:
    """Return what the queue brings by run key; None where there is no queue, or it can't be read.

    A message is deleted when it comes again and its runs are there, never in the tick that requests them: a
    tick that is cut off loses nothing. So each comes at least twice; a queue with a redrive policy needs a
    maxReceiveCount of 5 or more. One that can't be understood is deleted: the listing finds the object.
    """
    if not settings.queue_url:
        return None
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    queue = LandingQueue(url=settings.queue_url)
    try:
        # Half of the time: the listing needs the other where it is due.
        messages = list(queue.receive(limits.objects, limits.seconds / 2))
        asked_for = {each.receipt: _versions(context, landing, settings, each) for each in messages}
        known = _known(context, [run_key for versions in asked_for.values() for run_key in versions])
        queue.delete([each for each in messages if known.issuperset(asked_for[each.receipt])])
    except (BotoCoreError, ClientError):
        context.log.exception("%s can't be read, the listing is used instead", settings.queue_url)
        return None
    every = {run_key: each for versions in asked_for.values() for run_key, each in versions.items()}
    return {run_key: each for run_key, each in every.items() if run_key not in known}


def _versions(
    context: dg.SensorEvaluationContext, landing: LandingBucket, settings: ArrivalSettings, message: Message
) -> Mapping[str, Version]:
    """Return the versions below the watched prefix that a message says have come, by run key."""
    if message.problem:
        context.log.warning("A message of the queue is not understood and deleted. %s", message.problem)
    found = [_version(landing, settings, each) for each in message.arrivals]
    return _by_run_key(landing, [each for each in found if each])


def _version(landing: LandingBucket, settings: ArrivalSettings, arrival: Arrival) -> Version | None:
    place = urlsplit(landing.url)
    base = unquote(place.path).strip("/")
    key = arrival.key.removeprefix(f"{base}/") if base else arrival.key
    ours = place.netloc == arrival.bucket and (not base or arrival.key.startswith(f"{base}/"))
    if not ours or not key.startswith(f"{settings.prefix}/") or key.endswith("/"):
        return None
    try:
        return Version(key, arrival.e_tag or landing.find(key).version)
    except MissingObjectError:
        return None
