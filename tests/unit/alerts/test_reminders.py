"""What stays open long is reminded of: one message a day for each channel, over HTTP and SMTP."""

from pathlib import Path

import pytest

from support.dagster_double import Dagster, step_failure
from support.receivers import MailServer, Webhook, closing
from support.watching import Watch

HOUR = 3600
SETTINGS = """
default = ["file"]
[channels.file]
type = "file"
[channels.chat]
type = "slack"
url_variable = "CHAT"
[channels.mail]
type = "email"
to = ["alpha@example.com"]
from = "slipway@example.com"
host = "127.0.0.1"
port = {port}
security = "none"
[routes]
"team:alpha" = ["chat", "mail"]
"""


def later(watch: Watch, hours: float) -> None:
    """Let hours pass, with a few looks at their end."""
    watch.dagster.now += hours * HOUR - 30
    watch.pass_time(30)


def fail(dagster: Dagster, *steps: str) -> None:
    for step in steps:
        dagster.end_run(
            "FAILURE", step_failure(step, f"the table of {step} is empty, as ever"), will_retry="false"
        )


def test_one_message_a_day_for_each_channel_however_much_is_open(
    tmp_path: Path, dagster: Dagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, mail = Webhook(), MailServer()
    monkeypatch.setenv("CHAT", hook.url)
    with closing(hook, mail):
        watch = Watch(tmp_path, dagster, SETTINGS.format(port=mail.port))
        fail(dagster, "raw", "daily", *(f"op_{letter}" for letter in "abcdefghijklmnopqrst"))
        watch.pass_time(60)
        assert len(hook.texts()) == len(mail.subjects()) == 2
        assert len(watch.lines()) == 20
        later(watch, 23)
        assert len(hook.texts()) == 2
        later(watch, 2)
        reminder = "Still failing: 2 causes that were told more than 24 h ago"
        assert hook.texts()[2:] == mail.subjects()[2:] == [reminder]
        for said in (
            "[orders] Step raw failed, since 1970-01-01 00:16:",
            "[orders] Step daily failed",
            "team:alpha",
        ):
            assert said in mail.taken[2].get_content()
            assert said in str(hook.taken[2])
        (line,) = watch.lines()[20:]
        assert line["subject"] == "Still failing: 20 causes that were told more than 24 h ago"
        assert line["lines"]["And"] == "5 more"
        watch.start()
        later(watch, 22)
        assert (len(hook.texts()), len(watch.lines())) == (3, 21)
        dagster.end_run("SUCCESS", succeeded=("raw",))
        watch.pass_time(60)
        assert hook.texts()[3:] == ["Resolved [orders]: Step raw failed"]
        later(watch, 2)
        assert hook.texts()[4:] == mail.subjects()[4:] == ["Still failing [orders]: Step daily failed"]
        assert "ValueError: the table of daily is empty" in mail.taken[4].get_content()


def test_what_ends_within_the_day_is_not_reminded_of(watch: Watch, dagster: Dagster) -> None:
    fail(dagster, "raw")
    watch.pass_time(60)
    later(watch, 20)
    dagster.end_run("SUCCESS", succeeded=("raw",))
    watch.pass_time(60)
    fail(dagster, "daily")
    watch.pass_time(60)
    later(watch, 20)
    assert len(watch.told()) == 3


@pytest.mark.parametrize(
    ("settings", "hours", "reminders"),
    [
        ("remind_hours = 0", 26, 0),
        ("remind_hours = 4", 5, 1),
        ("[[silences]]\nmatch = 'run orders *'\nuntil = 1970-01-03T00:00:00Z", 26, 0),
    ],
    ids=["off", "sooner", "silenced"],
)
def test_it_is_set_in_alerts_toml_and_can_be_silenced(
    watch: Watch, dagster: Dagster, settings: str, hours: float, reminders: int
) -> None:
    fail(dagster, "raw")
    watch.pass_time(60)
    (watch.folder / "alerts.toml").write_text(settings)
    later(watch, hours)
    assert watch.told()[1:] == ["Still failing [orders]: Step raw failed"] * reminders


def test_nobody_is_reminded_of_what_nobody_was_told(watch: Watch, dagster: Dagster) -> None:
    dagster.late = ["raw", "daily"]
    watch.pass_time(180)
    later(watch, 25)
    assert watch.told() == ["Failing [orders]: raw is late", "Still failing [orders]: raw is late"]
