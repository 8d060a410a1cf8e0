"""Delivering one message through one channel: a file, a Slack-compatible webhook, e-mail.

A delivery either succeeds or raises `DeliveryError`; when to try again belongs to `outbox`. What a channel's
secrets are never stands in an error.
"""

import json
import smtplib
import ssl
import time
from dataclasses import asdict
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import httpx

from slipway.alerts.messages import Message
from slipway.alerts.settings import Channel, EmailChannel, FileChannel, SlackChannel, secret

_SECONDS = 10.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class DeliveryError(Exception):
    """A message could not be delivered: the reason, without secrets.

    Attributes:
        wait: how many seconds the receiver asked to wait, if it did.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def deliver(channel: Channel, message: Message, folder: Path) -> None:
    """Deliver `message`; relative files lie below `folder`.

    Raises:
        DeliveryError: it was not delivered, or the receiver did not say that it was.
    """
    try:
        if isinstance(channel, FileChannel):
            append(folder / channel.path, message)
        elif isinstance(channel, SlackChannel):
            _post(channel, message)
        else:
            _send(channel, message)
    except LookupError as error:
        raise DeliveryError(str(error)) from None


def append(file: Path, message: Message) -> None:
    """Append a message to a file of JSON lines, unless it is there already."""
    line = json.dumps({**asdict(message), "subject": message.subject}, ensure_ascii=False) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a+b") as handle:
            handle.seek(max(0, handle.seek(0, 2) - 65_536))
            if f'"id": "{message.id}"'.encode() not in handle.read():
                handle.write(line.encode())
    except OSError as error:
        raise DeliveryError(f"{file}: {error.strerror}") from error


def _post(channel: SlackChannel, message: Message) -> None:
    try:
        answer = httpx.post(secret(channel.url_variable), json=message.slack(), timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The message of an error may quote the URL, and the URL is the secret.
        raise DeliveryError(f"the webhook can't be reached ({type(error).__name__})") from None
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise DeliveryError(
            "the webhook limits the rate", _retry_after(answer.headers.get("Retry-After", ""))
        )
    if not answer.is_success:
        raise DeliveryError(f"the webhook answered HTTP {answer.status_code}")


def _retry_after(value: str) -> float | None:
    """Return the seconds to wait: the header holds them, or a date."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _send(channel: EmailChannel, message: Message) -> None:
    mail = EmailMessage()
    mail["Subject"] = message.subject
    mail["From"] = channel.sender
    mail["To"] = ", ".join(channel.to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
    # The same at every attempt: where one succeeded without our knowing, mail readers show one message.
    mail["Message-ID"] = f"<{message.id}@{channel.sender.rsplit('@', 1)[-1].rstrip('>')}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text())
    try:
        _over_smtp(channel, mail)
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(f"the mail server answered {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryError(f"the mail server can't be used ({type(error).__name__})") from None


def _over_smtp(channel: EmailChannel, mail: EmailMessage) -> None:
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if channel.security == "tls":
        server = smtplib.SMTP_SSL(channel.host, channel.port, timeout=_SECONDS, context=context)
    else:
        server = smtplib.SMTP(channel.host, channel.port, timeout=_SECONDS)
    with server:
        if channel.security == "starttls":
            server.starttls(context=context)
        if channel.username_variable:
            if channel.security == "none" and channel.host not in _LOOPBACK:
                raise LookupError(
                    f"channel {channel.name}: a password is not sent without TLS to {channel.host}"
                )
            server.login(secret(channel.username_variable), secret(channel.password_variable))
        server.send_message(mail)
