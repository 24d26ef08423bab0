"""Every command in the runbook exists: ours are run, others' are held against what they take."""

import argparse
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from moto import mock_aws

from functions.api.app import app
from functions.api.handler import ROUTES
from gpu_worker.__main__ import add_render_arguments
from local.__main__ import main
from shared.aws.clients import Clients
from shared.aws.wire import Wire
from shared.bootstrap import assemble, disconnect
from shared.keys import create_key
from shared.settings import Settings, environment
from shared.system import DELIVERIES, OBJECTS, System
from tests.cloudformation import FLEET, resources, template
from tests.contract.conftest import CREDENTIALS
from tests.integration.test_permissions import stack

RUNBOOK = (Path(__file__).parents[2] / "local/RUNBOOK.md").read_text()
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
OPTION = re.compile(r"(?<=\s)--([a-z][a-z-]+)")
GLOBAL = {"output", "query", "max-items"}
"""Of any command of `aws`."""
ITS_OWN = {("s3", "rb"): {"force"}}
"""Commands of `aws` that are no operation of a service."""
MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text()


def lines() -> list[str]:
    text = "".join(BLOCK.findall(RUNBOOK)).replace("\\\n", " ")
    return text.splitlines()


def commands(beginning: str) -> list[str]:
    return [line for line in lines() if line.startswith(beginning)]


# --- Ours -----------------------------------------------------------------------------------------


@pytest.fixture(params=["machine", pytest.param("cloud", marks=pytest.mark.slow)])
def system(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[System]:
    """One that the environment leads to, here and on AWS."""
    monkeypatch.setattr("local.dead_letters.WAIT_SECONDS", 0)
    monkeypatch.setattr(Wire, "begin", lambda *_: lambda: None)  # moto hears the SDK only
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        machine = request.param == "machine"
        chosen = Settings(data=tmp_path) if machine else of_the_runbook(stack(Clients()))
        for name, value in environment(chosen).items():
            monkeypatch.setenv(name, value)
        disconnect()
        yield assemble(chosen)
    disconnect()


def of_the_runbook(made: Settings) -> Settings:
    """With the queues that the output DeadLetterQueues names."""
    names = {name for queue in (OBJECTS, DELIVERIES) for name in (queue, f"{queue}-dead")}
    queues = {name: url for name, url in made.queues.items() if name in names}
    return made.model_copy(update={"queues": queues})


def test_our_commands_do_what_they_are_asked(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    key, _ = create_key(system.table, "studio", "old", system.now())
    given = {"$TENANT": "studio", "$KEY_ID": key.id}
    found = commands("python -m local ")
    assert len(found) >= 6
    for command in found:
        arguments = [given.get(word, word) for word in shlex.split(command)[3:]]
        assert main(arguments) == 0, (command, capsys.readouterr())


def test_rendering_by_hand_takes_what_is_given() -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_render_arguments(parser)
    (command,) = commands("python -m gpu_worker render ")
    assert parser.parse_args(shlex.split(command)[4:]).seed == 7


def test_make_has_the_target_and_the_template_the_parameters() -> None:
    found = [part for line in lines() for part in line.split("&& ") if "make " in part[:5]]
    assert found
    for command in found:
        _, target, *more = shlex.split(command)
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), command
        for one in shlex.split(" ".join(more).removeprefix("PARAMETERS=")):
            assert one.partition("=")[0] in template()["Parameters"], command


# --- The API --------------------------------------------------------------------------------------


def test_calls_of_the_api_are_routes_of_it() -> None:
    assert ROUTES
    calls = commands("curl ")
    assert len(calls) >= 5
    for call in calls:
        method = re.search(r"-X (\w+)", call)
        path = re.search(r"\$API(/[^\s\"?]*)", call)
        assert path, call
        place = re.sub(r"\$\w+", "01k9q4w8e7r6t5y4z3x2v1b0n9", path[1])
        methods = {route.method for route, _ in app.matching(place)}
        assert (method[1] if method else "GET") in methods, call


# --- AWS's ----------------------------------------------------------------------------------------


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Each call of `aws`: the service, the operation and the options."""
    for line in lines():
        for part in re.split(r"\$\(|(?<=\))", line.split("   #")[0]):
            if found := re.search(r"\baws ([a-z0-9]\S*) (\S+)(.*)", part):
                yield found[1], found[2], set(OPTION.findall(found[3]))


@cache
def operations(service: str) -> dict[str, set[str]]:
    """The options of a service's operations, as `aws` spells them."""
    model = botocore.session.get_session().get_service_model(service.removesuffix("api"))
    return {
        xform_name(name, "-"): {xform_name(one, "-") for one in _members(model, name)}
        for name in model.operation_names
    }


def _members(model: Any, operation: str) -> list[str]:
    shape = model.operation_model(operation).input_shape
    return list(shape.members) if shape else []


def test_aws_knows_the_commands_and_their_options() -> None:
    found = list(calls())
    assert len(found) > 15
    for service, operation, options in found:
        if (service, operation) in ITS_OWN:
            assert options <= ITS_OWN[service, operation]
            continue
        assert operation in operations(service), (service, operation)
        known = operations(service)[operation] | GLOBAL
        assert {one.removeprefix("no-") for one in options - known} <= known, (operation, options)


def test_outputs_that_are_asked_for_are_there() -> None:
    asked = set(re.findall(r"\$\(output (\w+)\)", RUNBOOK))
    assert len(asked) > 4
    assert asked <= set(template()["Outputs"])


def test_logs_that_are_read_are_written() -> None:
    kind = "AWS::Logs::LogGroup"
    groups = [*resources(kind).values(), *resources(kind, FLEET).values()]
    names = (str(one["LogGroupName"]["Fn::Sub"]) for one in groups)
    written = {re.sub(r"\$\{.*?\}", "$STACK", name) for name in names}
    read = {f"/aws/{one}" for one in re.findall(r"\b((?:lambda|ecs)/\$STACK/\w+)", RUNBOOK)}
    assert read
    assert read <= written


# --- The whole ------------------------------------------------------------------------------------


def test_ten_incidents_and_every_alarm() -> None:
    assert len(re.findall(r"^## \d+\. ", RUNBOOK, re.MULTILINE)) == 10
    incidents = re.split(r"^## \d+\. ", RUNBOOK, flags=re.MULTILINE)[1:]
    for incident in incidents:
        assert "**Seen:**" in incident
        assert "**Do:**" in incident
    assert [name for name in resources("AWS::CloudWatch::Alarm") if name not in RUNBOOK] == []


def test_words_to_look_for_are_words_of_the_logs() -> None:
    root = Path(__file__).parents[2]
    rooms = ("functions", "gpu_worker", "shared")
    source = "".join(path.read_text() for room in rooms for path in (root / room).rglob("*.py"))
    for said in ("no such model here", "trouble", "a service failed", "not settled"):
        assert f'"{said}"' in source
        assert f"`{said}`" in RUNBOOK


def test_the_tools_are_told_where_under_both_names() -> None:
    """`aws` heeds AWS_REGION; botocore, with which our own commands call, the other only."""
    said = " ".join(commands("export AWS_"))
    assert set(re.findall(r"AWS_\w*REGION(?==)", said)) == {"AWS_REGION", "AWS_DEFAULT_REGION"}
