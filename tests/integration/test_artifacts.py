"""What `sam build` makes of the template: small, compiled, whole, and at work on its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.aws.clients import Clients
from shared.settings import Settings, environment
from tests.artifacts import LAYER, Built, build
from tests.cloudformation import FLEET, TEMPLATE, environment_of, resources, template
from tests.contract.conftest import CREDENTIALS
from tests.contract.emulator import emulator
from tests.contract.resources import deploy
from tests.ecs import deploy_fleet
from tests.sam import ROOT, RUNTIME, run, tool, transformed

pytestmark = pytest.mark.slow

FUNCTIONS = tuple(resources("AWS::Serverless::Function"))
MAX_BYTES = 25 * 2**20
WHAT_IT_MAKES = """
import gc, sys
module, *sys.path[:0] = sys.argv[1:]
__import__(module)
clients = [one for one in gc.get_objects() if type(one).__name__ == "Clients"]
print(",".join(service for one in clients for service in one._made))
"""


def call(built: Built, function: str, event: str, settings: Settings) -> dict[str, Any]:
    """What comes of an event of `events/`."""
    return built.call(function, ROOT / "events" / f"{event}.json", environment(settings))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    made = build(tmp_path_factory.mktemp("built"))
    if made.python == Path(sys.executable):
        told = f"NO python{RUNTIME} HERE: the artifacts were built and tried with {made.python}"
        print(f"\n{told}", file=sys.__stderr__)
    return made


# --- The template ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [TEMPLATE, FLEET], ids=lambda path: path.stem)
def test_cfn_lint_has_nothing_to_say(path: Path) -> None:
    ran = run(tool("cfn-lint"), path)
    assert (ran.stdout, ran.returncode) == ("", 0)


@pytest.mark.parametrize("path", [TEMPLATE, FLEET], ids=lambda path: path.stem)
def test_sam_finds_the_template_valid(path: Path) -> None:
    ran = run(tool("sam"), "validate", "--lint", "--template", path)
    assert ran.returncode == 0, ran.stdout


def test_sam_keeps_lists_as_lists() -> None:
    """It resolves a reference to a list into one string, where it can: here it must not."""
    seen = transformed(
        AllowedOrigins="https://a.example,https://b.example",
        JwtIssuer="https://i.example",
        JwtAudience="a,b",
    )
    body = seen["Resources"]["HttpApi"]["Properties"]["Body"]
    by_jwt, by_key = body["components"]["securitySchemes"]["caller"]["Fn::If"][1:]
    jwt = by_jwt["x-amazon-apigateway-authorizer"]["jwtConfiguration"]
    assert list(body["x-amazon-apigateway-cors"]["allowOrigins"]) == ["Fn::Split"]
    assert list(jwt["audience"]) == ["Fn::Split"]
    assert by_key["x-amazon-apigateway-authorizer"]["enableSimpleResponses"] is True


# --- The artifacts --------------------------------------------------------------------------------


def test_the_fleet_is_deployed_with_the_rest(built: Built) -> None:
    """`sam deploy` uploads what the built template names."""
    made = template(built.folder / "template.yaml")["Resources"]["Fleet"]["Properties"]
    assert template(built.folder / made["TemplateURL"])["Resources"] == template(FLEET)["Resources"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_and_its_layer_are_small(built: Built, function: str) -> None:
    assert built.zipped(function) <= MAX_BYTES


@pytest.mark.parametrize("artifact", [*FUNCTIONS, LAYER])
def test_every_module_is_compiled(built: Built, artifact: str) -> None:
    modules = list((built.folder / artifact).rglob("*.py"))
    compiled = [
        path for path in modules if list(path.parent.glob(f"__pycache__/{path.stem}.*.pyc"))
    ]
    assert modules
    assert compiled == modules


@pytest.mark.parametrize("artifact", [*FUNCTIONS, LAYER])
def test_nothing_of_the_worker_is_in_it(built: Built, artifact: str) -> None:
    names = {path.name for path in (built.folder / artifact).rglob("*")}
    assert not names & {"torch", "numpy", "gpu_worker", "local", "boto3", "tests"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_makes_its_clients_when_it_starts(built: Built, function: str) -> None:
    """While Lambda lends it a whole processor, and before anybody waits. Without the SDK, none."""
    named = environment_of(function).get("ATELIER_CLIENTS", "")
    module = resources("AWS::Serverless::Function")[function]["Handler"].rpartition(".")[0]
    path = [str(built.folder / function), str(built.folder / LAYER / "python")]
    ran = subprocess.run(
        [built.python, "-I", "-S", "-B", "-c", WHAT_IT_MAKES, module, *path],
        env=CREDENTIALS | {"ATELIER_CLIENTS": named},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == named


@pytest.mark.parametrize(
    ("function", "event", "expected"),
    [
        ("AuthorizeFunction", "authorizer_unknown_key", {"isAuthorized": False}),
        ("IngestFunction", "s3_drop_names", {"batchItemFailures": []}),
        ("NotifyFunction", "dynamodb_ended_jobs", {"batchItemFailures": []}),
        ("DeliverFunction", "sqs_deliveries", {"batchItemFailures": []}),
        ("SweepFunction", "schedule_minute", {"settled": 0, "failed": 0}),
    ],
)
def test_a_handler_works_from_its_artifact(
    built: Built, tmp_path: Path, function: str, event: str, expected: dict[str, Any]
) -> None:
    told = call(built, function, event, Settings(data=tmp_path))
    assert told["answer"] == expected


def test_the_api_works_from_its_artifact(built: Built, tmp_path: Path) -> None:
    here = Settings(data=tmp_path)
    models = call(built, "ApiFunction", "http_get_models", here)["answer"]
    assert "paint" in {model["name"] for model in json.loads(models["body"])["items"]}
    assert call(built, "ApiFunction", "http_health", here)["answer"]["statusCode"] == 200
    assert call(built, "ApiFunction", "http_post_job", here)["answer"]["statusCode"] == 202


def test_the_page_is_served_from_its_artifact(built: Built, tmp_path: Path) -> None:
    page = call(built, "StudioFunction", "studio_page", Settings(data=tmp_path))["answer"]
    assert page["statusCode"] == 200
    assert "<!doctype html>" in page["body"].lower()


# --- The artifacts, with the SDK that is in the layer ---------------------------------------------


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack's resources on an emulator."""
    with (
        emulator(tmp_path_factory.mktemp("ministack"), CREDENTIALS, "ecs") as running,
        pytest.MonkeyPatch.context() as m,
    ):
        for name, value in CREDENTIALS.items():
            m.setenv(name, value)
        clients = Clients(running.endpoint)
        fleet = deploy_fleet(clients).model_dump(exclude_defaults=True)
        yield deploy(clients, "atelier").model_copy(update=fleet)


def test_the_artifacts_work_with_aws(built: Built, cloud: Settings) -> None:
    """One story, since a process takes a second: a drop and a job are taken and can be seen."""
    health = call(built, "ApiFunction", "http_health", cloud)["answer"]
    assert json.loads(health["body"]) == {"ready": True, "reasons": []}
    assert call(built, "ApiFunction", "http_post_job", cloud)["answer"]["statusCode"] == 202
    drops = call(built, "IngestFunction", "s3_drop_names", cloud)["answer"]
    assert drops == {"batchItemFailures": []}
    batch = call(built, "ApiFunction", "http_list_batch", cloud)["answer"]
    assert len(json.loads(batch["body"])["items"]) == 4
    ticket = call(built, "ApiFunction", "http_post_upload", cloud)["answer"]
    assert ticket["statusCode"] == 201
    for function, event in (
        ("AuthorizeFunction", "authorizer_unknown_key"),
        ("NotifyFunction", "dynamodb_ended_jobs"),
        ("DeliverFunction", "sqs_deliveries"),
        ("SweepFunction", "schedule_minute"),
    ):
        call(built, function, event, cloud)
    scaled = call(built, "ScaleFunction", "schedule_minute", cloud)["answer"]
    assert scaled == {"spot": 1, "on_demand": 0}
