"""The sensor where the bucket sends its events to a queue, on a real S3 and SQS endpoint.

See `landing_zone` for what that endpoint does not do as AWS does.
"""

import json
import time
from typing import Any

import boto3
import dagster as dg
import pytest
from landing_zone import Zone
from test_landing_sensor import keys

from orders.defs.arrivals.sensor import build_landing_sensor
from orders.defs.arrivals.settings import ArrivalSettings
from slipway.resources import landing_queue


class Queue:
    """A queue, and the zone whose sensor reads it."""

    def __init__(self, zone: Zone, name: str) -> None:
        self.zone, self.client = zone, boto3.client("sqs")
        self.url = self.client.create_queue(QueueName=name)["QueueUrl"]
        self.arn = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])[
            "Attributes"
        ]
        zone.sensor = build_landing_sensor(ArrivalSettings(queue_url=self.url, reconcile_seconds=3600))

    def send(self, content: Any) -> None:
        body = content if isinstance(content, str) else json.dumps(content)
        self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def sizes(self) -> tuple[int, int]:
        """Return how many messages can be received, and how many are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def tick(self) -> list[str]:
        return keys(self.zone.tick())


@pytest.fixture
def queue(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """A queue, after the sensor's first pass over the listing; what it received comes again at once."""
    monkeypatch.setattr(landing_queue, "VISIBILITY_SECONDS", 0)
    made = Queue(zone, zone.bucket)
    assert made.tick() == []
    return made


def record(
    zone: Zone, key: str, version: str, name: str = "ObjectCreated:Put", **bucket: str
) -> dict[str, Any]:
    where = {"name": zone.bucket, **bucket}
    entity = {"bucket": where, "object": {"key": key, "size": 1, "eTag": version}}
    return {"Records": [{"eventName": name, "eventSource": "aws:s3", "s3": entity}]}


def test_what_the_bucket_says_becomes_runs_and_is_deleted_when_they_are_there(queue: Queue) -> None:
    zone = queue.zone
    zone.client.put_bucket_notification_configuration(
        Bucket=zone.bucket,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": queue.arn["QueueArn"], "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    version = zone.put("orders/a b+ü.csv", b"1")
    record_run, zone.record = zone.record, lambda _: None
    (request,) = zone.tick()
    assert request.run_key == f"s3://{zone.bucket}/orders/a b+ü.csv#{version}"
    zone.record = record_run
    # The tick was cut off before its run was recorded: the message is still there.
    assert queue.tick() == ["orders/a b+ü.csv"]
    assert sum(queue.sizes()) >= 1
    assert queue.tick() == []
    assert queue.sizes() == (0, 0)
    zone.client.put_bucket_notification_configuration(Bucket=zone.bucket, NotificationConfiguration={})


@pytest.mark.parametrize("form", ["s3", "sns", "eventbridge"])
def test_every_form_of_event_is_understood(queue: Queue, form: str) -> None:
    forms = {
        "s3": record(queue.zone, "orders/a+b%2B.csv", "1f"),
        "sns": {
            "Type": "Notification",
            "Message": json.dumps(record(queue.zone, "orders/a+b%2B.csv", "1f")),
        },
        "eventbridge": {
            "detail-type": "Object Created",
            "source": "aws.s3",
            "detail": {
                "bucket": {"name": queue.zone.bucket},
                "object": {"key": "orders/a b+.csv", "size": 1, "etag": "1f"},
            },
        },
    }
    queue.send(forms[form])
    (request,) = queue.zone.tick()
    assert request.run_key == f"s3://{queue.zone.bucket}/orders/a b+.csv#1f"


def test_what_is_not_ours_is_deleted_at_once(queue: Queue) -> None:
    zone = queue.zone
    queue.send({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": zone.bucket})
    queue.send(record(zone, "orders/a.csv", "1", name="ObjectRemoved:Delete"))
    queue.send(record(zone, "other/a.csv", "1"))
    queue.send(record(zone, "orders/a.csv", "1", name="ObjectCreated:Put") | {"Records": []})
    queue.send({"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]})
    queue.send("no json")
    queue.send({**record(zone, "orders/a.csv", "1"), "Records": record(zone, "x/a.csv", "1")["Records"]})
    assert queue.tick() == []
    assert queue.sizes() == (0, 0)


def test_a_message_that_comes_twice_is_one_run(queue: Queue) -> None:
    for _ in range(3):
        queue.send(record(queue.zone, "orders/a.csv", "1"))
    assert queue.tick() == ["orders/a.csv"]
    assert queue.tick() == []
    assert queue.sizes() == (0, 0)


def test_the_listing_finds_what_the_queue_never_said(queue: Queue) -> None:
    zone = queue.zone
    zone.put("orders/a.csv", b"1")
    assert queue.tick() == []
    zone.sensor = build_landing_sensor(ArrivalSettings(queue_url=queue.url, reconcile_seconds=1))
    for _ in range(20):
        time.sleep(0.2)
        if found := queue.tick():
            break
    assert found == ["orders/a.csv"]


def test_a_queue_that_can_not_be_read_leaves_it_to_the_listing(queue: Queue) -> None:
    zone = queue.zone
    zone.put("orders/a.csv", b"1")
    queue.client.delete_queue(QueueUrl=queue.url)
    assert queue.tick() == ["orders/a.csv"]


def test_a_tick_takes_so_many_messages_and_no_more(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing_queue, "VISIBILITY_SECONDS", 60)
    for number in range(120):
        queue.send(record(queue.zone, f"orders/{number:03}.csv", "1"))
    first, second = queue.tick(), queue.tick()
    assert len(first) == 100
    assert sorted(first + second) == [f"orders/{number:03}.csv" for number in range(120)]
    assert isinstance(queue.zone.instance, dg.DagsterInstance)
