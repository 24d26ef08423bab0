"""What `template.yaml` declares in production, made on the emulator for one run."""

import json
from pathlib import Path

from shared.aws.clients import Clients
from shared.settings import Settings
from shared.system import DELIVERIES, LANES, OBJECTS
from tests.contract.resources import (
    WELCOME,
    create_bucket,
    create_table,
    notify_of_objects,
    queue_arn,
)

POOL = "standard"
RECEIVES = {**{f"{POOL}-{lane}": 100 for lane in LANES}, OBJECTS: 200, DELIVERIES: 5}
"""After how many receives a queue buries a letter."""
TOLD = "told"
"""The queue that listens to the topic."""


def deploy(clients: Clients, name: str, catalogue: Path) -> Settings:
    """Everything under this name; settings for who bypasses the wire."""
    create_table(clients, name)
    for bucket in ("inbox", "artworks"):
        create_bucket(clients, f"{name}-{bucket}")
    topic = clients.call("sns", "create_topic", Name=name)["TopicArn"]
    secret = clients.call("secretsmanager", "create_secret", Name=name, SecretString="the master")
    settings = Settings(
        aws_endpoint=clients.endpoint,
        table=name,
        inbox_bucket=f"{name}-inbox",
        artworks_bucket=f"{name}-artworks",
        queues=create_queues(clients, name),
        topic=topic,
        secret_arn=secret["ARN"],
        catalogue=catalogue,
    )
    notify_of_objects(clients, settings)
    subscribe(clients, topic, settings.queues[TOLD])
    return settings


def create_queues(clients: Clients, name: str) -> dict[str, str]:
    """The URLs of all queues, by name; the dead letters of each are in `<name>-dead`."""
    urls = {TOLD: create_queue(clients, f"{name}-{TOLD}")}
    for queue, receives in RECEIVES.items():
        dead = urls[f"{queue}-dead"] = create_queue(clients, f"{name}-{queue}-dead")
        redrive = {"deadLetterTargetArn": queue_arn(clients, dead), "maxReceiveCount": receives}
        urls[queue] = create_queue(clients, f"{name}-{queue}", RedrivePolicy=json.dumps(redrive))
    return urls


def create_queue(clients: Clients, name: str, **attributes: str) -> str:
    """One queue, open to S3 and SNS."""
    attributes["Policy"] = json.dumps(WELCOME)
    made = clients.call("sqs", "create_queue", QueueName=name, Attributes=attributes)
    return str(made["QueueUrl"])


def subscribe(clients: Clients, topic: str, queue: str) -> None:
    """Have the queue told what the topic is told, as it is."""
    clients.call(
        "sns",
        "subscribe",
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue_arn(clients, queue),
        Attributes={"RawMessageDelivery": "true"},
    )
