"""When a step is tried again, how often, and after how long: with real steps, whose waits are cut short."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd
import pytest

from slipway.retries import Retries, retried
from slipway.storage import ParquetIOManager

QUICK = Retries(max_retries=3, first_seconds=0.02, longest_seconds=0.05)


class Calls:
    """Raises one error after the other, a call each, then returns."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.count


def run(calls: Calls, retries: Retries = QUICK) -> dg.ExecuteInProcessResult:
    @dg.asset
    @retries
    def feed() -> int:
        return calls()

    return dg.materialize([feed], raise_on_error=False)


def waits(result: dg.ExecuteInProcessResult) -> list[float]:
    events = result.filter_events(lambda event: event.is_step_up_for_retry)
    return [event.step_retry_data.seconds_to_wait or 0 for event in events]


def test_the_delay_doubles_up_to_its_cap_and_is_jittered_by_half() -> None:
    for retry, longest in enumerate([2, 4, 8, 16, 32, 60, 60], start=1):
        delays = [retried.delay(retry) for _ in range(200)]
        assert longest / 2 <= min(delays) < longest * 0.6
        assert longest * 0.9 < max(delays) <= longest


def test_what_passes_is_tried_again_after_growing_delays() -> None:
    calls = Calls(TimeoutError(), ConnectionResetError())
    result = run(calls)
    assert result.success
    assert calls.count == 3
    first, second = waits(result)
    assert 0.01 <= first <= 0.02 <= second <= 0.04


def test_a_fault_that_lasts_is_given_up_with_its_cause() -> None:
    calls = Calls(*[TimeoutError("the feed is silent")] * 9)
    result = run(calls)
    assert calls.count == 1 + QUICK.max_retries
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    error = failure.step_failure_data.error
    assert "Exceeded max_retries of 3" in error.message
    assert "the feed is silent" in error.cause.message


@pytest.mark.parametrize("error", [KeyError("amount"), dg.Failure("bad rows", allow_retries=False)])
def test_what_cannot_pass_is_tried_once(error: Exception) -> None:
    calls = Calls(error)
    result = run(calls)
    assert not result.success
    assert calls.count == 1
    assert waits(result) == []


def test_a_bug_after_a_timeout_ends_the_retries() -> None:
    calls = Calls(TimeoutError(), KeyError("amount"))
    assert not run(calls).success
    assert calls.count == 2


def test_a_yielding_asset_and_a_check_are_tried_again_too() -> None:
    assets, checks = Calls(TimeoutError()), Calls(ConnectionError())

    @dg.multi_asset(specs=[dg.AssetSpec("left"), dg.AssetSpec("right")])
    @QUICK
    def both() -> Iterator[dg.MaterializeResult]:
        assets()
        yield dg.MaterializeResult("left")
        yield dg.MaterializeResult("right")

    @dg.asset_check(asset="left")
    @QUICK
    def fine() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=bool(checks()))

    assert dg.materialize([both, fine]).success
    assert (assets.count, checks.count) == (2, 2)


def test_called_directly_it_raises_what_it_raises() -> None:
    @QUICK
    def feed() -> int:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        feed()


def test_the_functions_name_text_and_parameters_are_kept() -> None:
    @dg.asset
    @retried
    def upstream() -> pd.DataFrame:
        """The first."""
        return pd.DataFrame()

    @dg.asset
    @retried
    def downstream(context: dg.AssetExecutionContext, upstream: pd.DataFrame) -> None:
        """The second."""

    assert downstream.key == dg.AssetKey("downstream")
    assert downstream.op.description == "The second."
    assert downstream.keys_by_input_name == {"upstream": dg.AssetKey("upstream")}


def test_an_asynchronous_function_is_refused() -> None:
    async def feed() -> None: ...

    with pytest.raises(TypeError, match="feed is asynchronous"):
        retried(feed)


def test_the_io_manager_asks_for_another_try_when_its_server_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setattr("slipway.storage.io_manager.Retries", lambda retries: Retries(retries, 0.01))
    server = Calls(ConnectionError(), ConnectionError())
    store = ParquetIOManager._store

    def flaky(*arguments: object) -> None:
        server()
        store(*arguments)

    monkeypatch.setattr(ParquetIOManager, "_store", flaky)

    @dg.asset
    def number() -> int:
        return 1

    manager = ParquetIOManager(base_url=(tmp_path / "lake").as_uri())
    result = dg.materialize([number], resources={"io_manager": manager})
    assert result.success
    assert len(waits(result)) == 2
