"""Delivery to real receivers: a webhook over HTTP, a mail server over SMTP, a file; and what happens when one is down."""

import json
import logging
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from slipway.alerts.causes import Cause
from slipway.alerts.channels import DeliveryError, deliver
from slipway.alerts.messages import Message, problem, resolved
from slipway.alerts.outbox import MOST_MESSAGES, Outbox
from slipway.alerts.settings import Channel, EmailChannel, FileChannel, SlackChannel
from slipway.testing.ports import free_port
from support.receivers import MailServer, Webhook, closing

CAUSE = Cause(
    key="abc",
    kind="run",
    title="Step a <failed>",
    where="job daily, partition 2026-01-01",
    error="ValueError: 3 < 4 & so on",
    location="orders",
    owners=["team:orders"],
    link="/runs/1",
    noticed=0,
    first=1_767_225_600,
    last=1_767_229_200,
    count=40,
    subjects={f"step:orders/a@2026-01-0{day}": 1.0 for day in range(1, 8)},
)


def message(number: int = 1) -> Message:
    made = problem(CAUSE, ("team:orders",), "https://ui", "docs/alerts.md", 1_767_225_630)
    return replace(made, id=f"id-{number}", title=f"{made.title} {number}")


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv("HOOK", hook.url)
    with closing(hook):
        yield hook


class Post:
    """An outbox over channels; `at` is its clock."""

    def __init__(self, folder: Path, *channels: Channel) -> None:
        self.folder, self.channels = folder, {channel.name: channel for channel in channels}
        self.outbox = Outbox([])
        self.kept: list[int] = []

    def flush(self, at: float) -> None:
        self.outbox.flush(self.channels, self.folder, at, lambda: self.kept.append(len(self.outbox)))


def test_a_message_says_what_where_why_since_when_how_often_whose_and_what_to_do() -> None:
    text = message().text()
    for said in (
        "Failing [orders]: Step a <failed> 1",
        "orders, job daily, partition 2026-01-01",
        "ValueError: 3 < 4 & so on",
        "2026-01-01 00:00:00 UTC, 40 times",
        "orders/a@2026-01-05 and 2 more",
        "team:orders",
        "https://ui/runs/1",
        "re-execute from failure (docs/alerts.md)",
    ):
        assert said in text
    over = resolved(replace(CAUSE, ended=1_767_232_800), (), "https://ui", 0).text()
    assert "Resolved [orders]: Step a" in over
    assert "2026-01-01 00:00:00 UTC to 2026-01-01 02:00:00 UTC, 120 min, 40 times" in over


def test_slack_gets_text_and_blocks_within_its_limits(webhook: Webhook, tmp_path: Path) -> None:
    long = replace(message(), title="t" * 500, lines={"Cause": "<&>" * 5000})
    deliver(SlackChannel("slack", "HOOK"), long, tmp_path)
    (body,) = webhook.taken
    header, section, _ = body["blocks"]
    assert header["type"] == "header"
    assert len(header["text"]["text"]) <= 150
    assert section["text"]["text"].startswith("*Cause*  &lt;&amp;&gt;")
    assert len(section["text"]["text"]) <= 3000


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the program openssl for a certificate")
def test_mail_is_sent_with_starttls_and_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    request += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(request, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def authenticator(*arguments: object) -> AuthResult:
        right = arguments[-1] == LoginPassword(b"slipway", b"the password")
        return AuthResult(success=right, handled=right)

    channel = EmailChannel(
        "mail",
        ("a@example.com", "b@example.com"),
        "Slipway <s@example.com>",
        "localhost",
        0,
        "starttls",
        "U",
        "P",
    )
    monkeypatch.setenv("U", "slipway")
    monkeypatch.setenv("P", "the password")
    server = MailServer(
        tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticator
    )
    channel = replace(channel, port=server.port)
    with closing(server):
        with pytest.raises(DeliveryError, match="SSLCertVerificationError"):
            deliver(channel, message(), tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        deliver(channel, message(), tmp_path)
        monkeypatch.setenv("P", "another")
        with pytest.raises(DeliveryError, match="535") as refused:
            deliver(channel, message(), tmp_path)
    assert "another" not in str(refused.value)
    (mail,) = server.taken
    assert (mail["Subject"], mail["To"]) == (
        "Failing [orders]: Step a <failed> 1",
        "a@example.com, b@example.com",
    )
    assert mail["Message-ID"] == "<id-1@example.com>"
    assert "40 times" in mail.get_content()


def test_a_password_is_not_sent_in_the_clear(tmp_path: Path) -> None:
    channel = EmailChannel("mail", ("a@b.c",), "s@b.c", "192.0.2.1", 25, "none", "U", "P")
    with pytest.raises(DeliveryError, match=r"SMTP|mail server|TLS"):
        deliver(channel, message(), tmp_path)


def test_a_file_holds_each_message_once(tmp_path: Path) -> None:
    for number in (1, 2, 1, 2, 3):
        deliver(FileChannel("file", "some/where.jsonl"), message(number), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "some" / "where.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["id-1", "id-2", "id-3"]
    assert lines[0]["lines"]["Owner"] == "team:orders"


def test_a_channel_that_is_down_keeps_its_messages_and_holds_up_nobody(
    webhook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = EmailChannel("mail", ("a@b.c",), "s@b.c", "127.0.0.1", free_port(), "none")
    post = Post(tmp_path, SlackChannel("slack", "HOOK"), gone, FileChannel("file"))
    webhook.answers = [(500, {})]
    with caplog.at_level(logging.INFO, logger="slipway"):
        for number in (1, 2):
            post.outbox.put(message(number), ["slack", "mail", "file"])
        post.flush(1000)
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 2
    assert webhook.taken == []
    assert len(post.outbox) == 4
    assert post.kept[-1] == 4
    for said in (
        "slack: the webhook answered HTTP 500; again in",
        "mail: the mail server can't be used (Connection",
    ):
        assert said in caplog.text
    assert webhook.PATH not in caplog.text
    post.flush(1000.5)
    assert len(webhook.tries) == 1, "too early"
    post.outbox = Outbox(json.loads(json.dumps(post.outbox.dump())))
    post.flush(1003)
    assert [text[-1] for text in webhook.texts()] == ["1", "2"], "in their order"
    server = MailServer()
    post.channels["mail"] = replace(gone, port=server.port)
    with closing(server):
        post.flush(1400)
    assert [subject[-1] for subject in server.subjects()] == ["1", "2"]
    assert len(post.outbox) == 0


def test_retry_after_is_obeyed(webhook: Webhook, tmp_path: Path) -> None:
    post = Post(tmp_path, SlackChannel("slack", "HOOK"))
    webhook.answers = [(429, {"Retry-After": "30"}), (429, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"})]
    post.outbox.put(message(), ["slack"])
    post.flush(1000)
    post.flush(1029)
    assert len(webhook.tries) == 1
    post.flush(1030)
    assert len(webhook.tries) == 2
    post.outbox.hurry()
    post.flush(1030 + 3599)
    assert len(webhook.tries) == 2
    post.flush(1030 + 3600)
    assert len(webhook.taken) == 1


def test_what_was_mended_is_tried_at_once(webhook: Webhook, tmp_path: Path) -> None:
    post = Post(tmp_path, SlackChannel("slack", "HOOK"))
    webhook.answers = [(500, {})] * 8
    post.outbox.put(message(), ["slack"])
    for at in range(8):
        post.flush(1000 + at * 300)
    post.flush(1000 + 7 * 300 + 60)
    assert webhook.taken == []
    post.outbox.hurry()
    post.flush(1000 + 7 * 300 + 60)
    assert len(webhook.taken) == 1


def test_a_missing_variable_and_a_channel_that_is_gone_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    post = Post(tmp_path, SlackChannel("slack", "NO_SUCH_HOOK"))
    post.outbox.put(message(), ["slack", "chat"])
    post.flush(1000)
    assert "slack: the environment variable NO_SUCH_HOOK is not set" in caplog.text
    assert "chat: alerts.toml has no such channel any more" in caplog.text
    assert len(post.outbox) == 2


def test_the_outbox_is_bounded_in_number_and_age(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    post = Post(tmp_path)
    for number in range(MOST_MESSAGES + 2):
        post.outbox.put(message(number), ["gone"])
    assert len(post.outbox) == MOST_MESSAGES
    assert "dropped for gone: Failing [orders]: Step a <failed> 1" in caplog.text
    post.flush(message().at + 8 * 86_400)
    assert len(post.outbox) < MOST_MESSAGES
    assert "Given up after a week" in caplog.text
