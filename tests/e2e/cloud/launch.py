"""Starts it all: the emulator with the template's resources, the built functions behind their event
sources and routes."""

import json
import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from local.pump import forever
from shared.aws import cloud
from shared.aws.clients import Clients
from shared.settings import Settings
from tests.artifacts import Built
from tests.chaos.cloud.deployment import create_queue, subscribe
from tests.contract.conftest import CREDENTIALS
from tests.contract.emulator import emulator
from tests.e2e.cloud.deployment import ISSUER, TOLD, Deployment
from tests.e2e.cloud.gateway import Authorize, Gateway, by_jwt, by_key
from tests.e2e.cloud.runtime_api import Function
from tests.e2e.cloud.sources import QueueSource, StreamSource
from tests.e2e.cloud.stack import Stack, as_role, deploy
from tests.receiver import serving

NAME = "studio"


@contextmanager
def deployed(
    folder: Path, built: Built, catalogue: Path, models: str, *networks: str
) -> Iterator[Deployment]:
    """Everything but a worker, running."""
    logs = folder / "logs"
    logs.mkdir()
    with ExitStack() as running:
        emulated = running.enter_context(emulator(folder, CREDENTIALS, "cloudformation", tls=True))
        given = {**CREDENTIALS, "AWS_CA_BUNDLE": str(emulated.trust)}
        running.enter_context(patch.dict(os.environ, given))
        clients = Clients(emulated.endpoint)
        stack = deploy(clients, NAME, DefaultModel="plain")
        queues = {TOLD: create_queue(clients, f"{NAME}-{TOLD}")}
        subscribe(clients, stack.outputs["EventsTopicArn"], queues[TOLD])
        beside = {
            **given,
            "ATELIER_AWS_ENDPOINT": emulated.endpoint,
            "ATELIER_CATALOGUE": str(catalogue),
            "ATELIER_MODELS": models,
            "ATELIER_ALLOW_NETWORKS": ",".join(networks),
        }
        functions = dict(_functions(stack, built, beside, logs))
        for function in functions.values():
            running.callback(function.stop)
        system = cloud(_view(stack, emulated.endpoint, queues), clients)
        made = Deployment(stack, system, functions, logs, beside)
        made.trust = ssl.create_default_context(cafile=str(emulated.trust))
        _route(made, running)
        _pump(made, folder / "read_to", running)
        yield made


def _functions(
    stack: Stack, built: Built, beside: Mapping[str, str], logs: Path
) -> Iterator[tuple[str, Function]]:
    for name, given in stack.functions().items():
        variables = {**stack.variables(name), **beside, **stack.role(name)}
        yield name, Function(name, built, given, variables, logs / f"{name}.log")


def _view(stack: Stack, endpoint: str, queues: Mapping[str, str]) -> Settings:
    """What the test looks at: all that the functions see."""
    dead = stack.variables("SweepFunction")["ATELIER_QUEUES"], stack.outputs["DeadLetterQueues"]
    return Settings(
        aws_endpoint=endpoint,
        table=stack.outputs["TableName"],
        inbox_bucket=stack.outputs["InboxBucketName"],
        artworks_bucket=stack.outputs["ArtworksBucketName"],
        queues={**json.loads(dead[0]), **json.loads(dead[1]), **queues},
        topic=stack.outputs["EventsTopicArn"],
        secret_arn=stack.outputs["MasterSecretArn"],
    )


def _route(made: Deployment, running: ExitStack) -> None:
    """The API at two addresses, one for each kind of caller: a deployment has one of them."""
    (api,) = made.stack.resources("AWS::ApiGatewayV2::Api").values()
    kinds: dict[str, Authorize] = {
        "keys": by_key(made.functions["AuthorizeFunction"]),
        "jwt": by_jwt(ISSUER),
    }
    for kind, authorize in kinds.items():
        gateway = Gateway(api["Body"], made.functions, authorize)
        made.urls[kind] = f"http://127.0.0.1:{running.enter_context(serving(gateway.take))}"


def _pump(made: Deployment, read_to: Path, running: ExitStack) -> None:
    """Each event source mapping, in a thread of its own."""
    stopping = threading.Event()
    running.callback(stopping.set)
    for name, mapping in made.stack.resources("AWS::Lambda::EventSourceMapping").items():
        function = mapping["FunctionName"]["Ref"]
        arn = made.stack.value(mapping["EventSourceArn"])
        call = made.functions[function]
        if ":sqs:" in arn:
            rights = as_role(str(made.clients.endpoint), made.stack.role(function))
            found = made.clients.call("sqs", "get_queue_url", QueueName=arn.rpartition(":")[2])
            turn = QueueSource(rights, arn, found["QueueUrl"], mapping, call).turn
        else:
            made.stream = StreamSource(made.clients, arn, mapping, call, read_to)
            turn = made.stream.turn
        thread = threading.Thread(target=forever, args=(name, turn, stopping), daemon=True)
        thread.start()
        running.callback(thread.join)
        running.callback(stopping.set)
