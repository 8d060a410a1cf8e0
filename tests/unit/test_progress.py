import io

import pytest
from rich.console import Console

from slipway.progress import Steps


def lines(terminal: bool) -> str:
    out = io.StringIO()
    steps = Steps(Console(file=out, force_terminal=terminal, width=100, highlight=False))
    with steps.shown():
        with steps.step("First") as say:
            say("half way")
            say("all the way")
        with pytest.raises(ZeroDivisionError), steps.step("Second"):
            raise ZeroDivisionError
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_step_ends_with_its_last_news_and_its_fate(terminal: bool) -> None:
    said = lines(terminal)
    assert "✓" in said
    assert "First: all the way" in said
    assert "✗" in said


def test_without_a_terminal_a_step_is_announced_before_it_runs() -> None:
    said = lines(terminal=False)
    assert said.index("First …") < said.index("First: all the way")
    assert "\x1b" not in said
