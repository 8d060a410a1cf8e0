"""`LandingQueue`: what a bucket says of its new objects, over SQS.

Belongs here: receiving, reading and deleting messages. Does not belong here: what becomes of an object.
Understood are S3's own notifications, those that came over SNS, and EventBridge's.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import dagster as dg
from pydantic import Field

VISIBILITY_SECONDS = 120
"""For how long a received message is hidden: longer than a tick and the recording of its runs take."""
_BATCH = 10  # what SQS gives and deletes at most in a request
_PATIENCE_SECONDS = 1  # 0 would ask some of SQS' servers only, and find nothing though there is something


@dataclass(frozen=True)
class Arrival:
    """One new object, as a message says: bucket, key within it, and ETag without quotes."""

    bucket: str
    key: str
    e_tag: str


@dataclass(frozen=True)
class Message:
    """A received message: what it is deleted by, what it says, and what of it could not be understood."""

    receipt: str
    arrivals: tuple[Arrival, ...]
    problem: str = ""


class LandingQueue(dg.ConfigurableResource):  # type: ignore[type-arg]
    """An SQS queue that a bucket's events go to; credentials from the standard AWS variables.

    SQS delivers at least once and in any order. A message that is not deleted comes again after
    VISIBILITY_SECONDS.
    """

    url: str = Field(description="https://sqs.<region>.amazonaws.com/<account>/<queue>")

    def receive(self, messages: int, seconds: float) -> Iterator[Message]:
        """Yield up to `messages` messages; ends when there are none left, or after `seconds`.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: the queue can't be read.
        """
        client, deadline = self._client(), time.monotonic() + seconds
        while messages > 0 and time.monotonic() < deadline:
            answer = client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=min(_BATCH, messages),
                WaitTimeSeconds=_PATIENCE_SECONDS,
                VisibilityTimeout=VISIBILITY_SECONDS,
            )
            received = answer.get("Messages", [])
            if not received:
                return
            for each in received:
                yield parsed(each["ReceiptHandle"], each["Body"])
            messages -= len(received)

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages, ten per request; one that could not be deleted comes again."""
        if not messages:
            return
        client = self._client()
        for at in range(0, len(messages), _BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": message.receipt}
                for number, message in enumerate(messages[at : at + _BATCH])
            ]
            client.delete_message_batch(QueueUrl=self.url, Entries=entries)

    def _client(self) -> Any:
        import boto3  # noqa: PLC0415 - 0.3 CPU-s, and only where there is a queue
        from botocore.config import Config  # noqa: PLC0415

        # Of the queue's own host: AWS_ENDPOINT_URL may lead to an S3 server that has no queues.
        place = urlsplit(self.url)
        config = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "max_attempts": 3})
        region = _region(place.hostname or "") or os.environ.get("AWS_REGION")
        endpoint = f"{place.scheme}://{place.netloc}"
        return boto3.client("sqs", endpoint_url=endpoint, region_name=region, config=config)


def parsed(receipt: str, body: str) -> Message:
    """Return what a message says. What says nothing of a new object has no arrivals and no problem.

    That is: S3's test event, deletions, restores.
    """
    try:
        content = json.loads(body)
        if content.get("Type") == "Notification":
            content = json.loads(content["Message"])
        return Message(receipt, tuple(_arrivals(content)))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return Message(receipt, (), f"{type(error).__name__}: {error}; it begins {body[:200]!r}")


def _arrivals(content: dict[str, Any]) -> Iterator[Arrival]:
    if "detail-type" in content:
        if content["detail-type"] == "Object Created":
            detail = content["detail"]
            # EventBridge gives keys as they are; S3's own notifications encode them as forms do.
            yield Arrival(detail["bucket"]["name"], detail["object"]["key"], detail["object"].get("etag", ""))
        return
    if content.get("Event") == "s3:TestEvent":
        return
    for record in content["Records"]:
        if record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
            entity = record["s3"]
            yield Arrival(
                entity["bucket"]["name"],
                unquote_plus(entity["object"]["key"]),
                entity["object"].get("eTag", ""),
            )


def _region(host: str) -> str | None:
    """Return the region that an address of AWS names."""
    parts = host.split(".")
    return parts[1] if parts[0] == "sqs" and host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else None
