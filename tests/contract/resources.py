"""What `template.yaml` declares in production, made on an emulator for one test."""

import json
from typing import Any

from shared.aws.clients import Clients
from shared.aws.table import BY_BATCH, BY_DUE, BY_OWNER
from shared.settings import Settings

FRAIL_RECEIVES = 2
"""After so many receives the queue called `frail` buries a letter."""
QUEUES = (
    *("standard-interactive", "standard-bulk", "objects", "deliveries"),
    *("frail", "frail-dead"),
)
KEYS = {"pk": "S", "sk": "S", "owner": "S", "batch": "S", "due_shard": "N", "due_at": "N"}
WELCOME = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
    ],
}


def deploy(clients: Clients, name: str) -> Settings:
    """Everything that the adapters work with, under names of its own."""
    create_table(clients, name)
    for bucket in ("inbox", "artworks"):
        create_bucket(clients, f"{name}-{bucket}")
    topic = clients.call("sns", "create_topic", Name=name)
    secret = clients.call(
        "secretsmanager", "create_secret", Name=name, SecretString="the master secret"
    )
    return Settings(
        aws_endpoint=clients.endpoint,
        table=name,
        inbox_bucket=f"{name}-inbox",
        artworks_bucket=f"{name}-artworks",
        queues=create_queues(clients, name),
        topic=topic["TopicArn"],
        secret_arn=secret["ARN"],
    )


def create_table(clients: Clients, name: str) -> None:
    clients.call(
        "dynamodb",
        "create_table",
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": kind} for key, kind in KEYS.items()
        ],
        KeySchema=_keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            _index(BY_OWNER, "ALL", "owner", "pk"),
            _index(BY_BATCH, "ALL", "batch", "pk"),
            _index(BY_DUE, "KEYS_ONLY", "due_shard", "due_at"),
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    clients.call(
        "dynamodb",
        "update_time_to_live",
        TableName=name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )


def create_bucket(clients: Clients, name: str) -> None:
    region = clients.session().get_config_variable("region")
    clients.call(
        "s3",
        "create_bucket",
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": region},
    )


def create_queues(clients: Clients, name: str) -> dict[str, str]:
    """URLs by name. Each queue has dead letters in production; here one will do."""
    attributes = {"Policy": json.dumps(WELCOME)}
    urls = {
        queue: clients.call(
            "sqs", "create_queue", QueueName=f"{name}-{queue}", Attributes=attributes
        )["QueueUrl"]
        for queue in QUEUES
    }
    redrive = {
        "deadLetterTargetArn": queue_arn(clients, urls["frail-dead"]),
        "maxReceiveCount": FRAIL_RECEIVES,
    }
    clients.call(
        "sqs",
        "set_queue_attributes",
        QueueUrl=urls["frail"],
        Attributes={"RedrivePolicy": json.dumps(redrive)},
    )
    return urls


def queue_arn(clients: Clients, url: str) -> str:
    answer = clients.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def notify_of_objects(clients: Clients, settings: Settings) -> None:
    """Object-created events of the inbox go to the queue `objects`."""
    target = {
        "QueueArn": queue_arn(clients, settings.queues["objects"]),
        "Events": ["s3:ObjectCreated:*"],
    }
    clients.call(
        "s3",
        "put_bucket_notification_configuration",
        Bucket=settings.inbox_bucket,
        NotificationConfiguration={"QueueConfigurations": [target]},
    )


def stream_images(clients: Clients, table: str) -> list[dict[str, Any]]:
    """Every new image in the table's stream, oldest first in each shard."""
    described = clients.call("dynamodb", "describe_table", TableName=table)
    arn = described["Table"]["LatestStreamArn"]
    stream = clients.call("dynamodbstreams", "describe_stream", StreamArn=arn)
    records = [
        record
        for shard in stream["StreamDescription"]["Shards"]
        for record in _shard_records(clients, arn, shard["ShardId"])
    ]
    return [record["dynamodb"]["NewImage"] for record in records if record["eventName"] != "REMOVE"]


def _shard_records(clients: Clients, arn: str, shard: str) -> list[dict[str, Any]]:
    first = clients.call(
        "dynamodbstreams",
        "get_shard_iterator",
        StreamArn=arn,
        ShardId=shard,
        ShardIteratorType="TRIM_HORIZON",
    )
    answer = clients.call("dynamodbstreams", "get_records", ShardIterator=first["ShardIterator"])
    return list(answer["Records"])


def _index(name: str, projection: str, partition: str, sort: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": _keys(partition, sort),
        "Projection": {"ProjectionType": projection},
    }


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
