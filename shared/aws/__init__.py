"""The adapters of the cloud: DynamoDB, SQS, S3, SNS, ECS and Secrets Manager, behind ports."""

from functools import cache, partial

from shared.aws.blobs import S3Blobs
from shared.aws.clients import Clients
from shared.aws.fleet import EcsFleet
from shared.aws.queue import SqsQueue
from shared.aws.table import DynamoTable
from shared.aws.topic import SnsTopic
from shared.settings import Settings
from shared.system import System, read_catalogue


def cloud(settings: Settings, clients: Clients | None = None) -> System:
    """The system over the resources that the settings name. Nothing is called, and no client made
    but those that they ask for."""
    clients = clients or Clients(settings.aws_endpoint)
    for service in settings.clients:
        clients.client(service)
    if settings.clients:
        clients.trust()
    return System(
        settings=settings,
        table=DynamoTable(clients, settings.table),
        inbox=S3Blobs(clients, settings.inbox_bucket),
        artworks=S3Blobs(clients, settings.artworks_bucket),
        topic=SnsTopic(clients, settings.topic),
        queue=cache(partial(_queue, clients, settings)),
        secret=cache(partial(_secret, clients, settings.secret_arn)),
        catalogue=cache(partial(read_catalogue, settings.catalogue)),
        fleet=cache(partial(EcsFleet, clients, settings)),
    )


def _queue(clients: Clients, settings: Settings, name: str) -> SqsQueue:
    if name not in settings.queues:
        raise LookupError(f"ATELIER_QUEUES names no queue {name!r}")
    return SqsQueue(clients, settings.queues[name])


def _secret(clients: Clients, arn: str | None) -> bytes:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html"""
    if arn is None:
        raise LookupError("ATELIER_SECRET_ARN is not set")
    found = clients.call("secretsmanager", "get_secret_value", SecretId=arn)
    secret: str | bytes = found.get("SecretBinary") or found["SecretString"]
    return secret.encode() if isinstance(secret, str) else secret
