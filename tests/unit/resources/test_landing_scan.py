"""What a step does with a server that is slow, or stops answering in the middle of a listing."""

import datetime as dt
import time

import pytest

from slipway.resources import LandingBucket
from slipway.resources.landing import LandingObject, LandingUnavailableError
from slipway.resources.landing_scan import Limits, Position, Step, Zone, step

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


class Slow(LandingBucket):
    """Six pages of a file each, of which every request takes `seconds`, and the request `broken` never ends."""

    seconds: float = 0
    broken: int = 0

    def pages(self, prefix="", *, after="", seconds=None):  # noqa: ARG002
        assert seconds == Limits().page_seconds
        for number, key in enumerate((key for key in "abcdef" if key > after), start=1):
            time.sleep(self.seconds)
            if number == self.broken:
                raise LandingUnavailableError("no answer", url=self.url)
            yield [LandingObject(key, 1, NOW, "1")]


def look(bucket: Slow, position: Position, taken: set[str], **limits: float) -> Step:
    zone = Zone(bucket, "", lambda objects: {f"s3://b/{o.key}#1" for o in objects} & taken)
    done = step(zone, position, Limits(**limits), NOW)
    taken.update(f"s3://b/{each.key}#1" for each in done.found)
    return done


@pytest.mark.parametrize(
    ("settings", "limits"), [({"seconds": 0.02}, {"seconds": 0.01}), ({"broken": 3}, {})]
)
def test_a_step_that_is_cut_short_is_gone_on_with(settings: dict, limits: dict) -> None:
    bucket, taken, position = Slow(url="s3://b", **settings), set(), Position()
    found, steps = [], 0
    while not found or position.started:
        done = look(bucket, position, taken, **limits)
        assert len(done.found) <= 2
        found += [each.key for each in done.found]
        position, steps = done.position, steps + 1
        assert steps < 30
    assert found == list("abcdef")
    assert steps > 3


def test_a_server_that_does_not_answer_at_all_is_an_error() -> None:
    with pytest.raises(LandingUnavailableError):
        look(Slow(url="s3://b", broken=1), Position(), set())


def test_a_step_asks_for_so_many_pages_and_no_more() -> None:
    bucket, taken = Slow(url="s3://b"), set()
    first = look(bucket, Position(), taken, pages=2)
    assert ([each.key for each in first.found], first.looked_at) == (["a", "b"], 2)
    # What has been taken is looked at once more, and the step goes no further for it.
    second = look(bucket, first.position, taken, pages=2)
    assert (second.found, second.looked_at) == ((), 2)
    third = look(bucket, second.position, taken, pages=2)
    assert [each.key for each in third.found] == ["c", "d"]
