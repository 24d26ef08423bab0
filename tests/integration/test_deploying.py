"""`make deploy`, `make destroy` and `make parameters`, with commands that write down how they were
called in place of AWS's, docker's and SAM's."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cloudformation import template

ROOT = Path(__file__).parents[2]
COMMAND = """#!/bin/sh
name=$(basename "$0")
echo "$name $*" >> "$FOLDER/called"
case "$name $*" in
  *"describe-stacks --stack-name art --output"*ApiUrl*) echo https://api.example ;;
  *"describe-stacks --stack-name art --output"*DashboardUrl*) echo https://dash.example ;;
  *"describe-stacks --stack-name art --output"*WorkerRepositoryUri*)
    echo 1.dkr.ecr.eu-central-1.amazonaws.com/art-worker ;;
  *StackStatus*) test ! -e "$FOLDER/rolled-back" || echo ROLLBACK_COMPLETE ;;
  *"describe-stacks --stack-name art") test -e "$FOLDER/stack" ;;
  *"describe-stack-resource --stack-name art "*) test -e "$FOLDER/fleet" && echo the-fleet ;;
  *"describe-stack-resource --stack-name the-fleet "*) shift 7; echo "group-of-$1" ;;
  *describe-images*) test -e "$FOLDER/image" ;;
  *get-login-password*) echo password ;;
  *"deploy --guided"*) touch "$FOLDER/stack" ;;
  "docker build"*) test ! -e "$FOLDER/broken" ;;
  "docker push"*) touch "$FOLDER/image" ;;
esac
"""


@dataclass(frozen=True)
class Account:
    """One that has a stack, a fleet or an image where there is a file of that name."""

    folder: Path

    def make(self, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        path = f"{self.folder}:{os.environ['PATH']}"
        return subprocess.run(
            ["make", "STACK=art", "TAG=v2", "AWS_REGION=eu-central-1", *arguments],
            cwd=ROOT,
            env={**os.environ, "PATH": path, "FOLDER": str(self.folder)},
            input=answer,
            capture_output=True,
            text=True,
        )

    def has(self, name: str) -> None:
        (self.folder / name).touch()

    def called(self, *commands: str) -> list[str]:
        """The calls that begin so, in order."""
        called = self.folder / "called"
        lines = called.read_text().splitlines() if called.exists() else []
        return [line for line in lines if line.startswith(commands)]


@pytest.fixture
def account(tmp_path: Path) -> Account:
    for name in ("sam", "aws", "docker"):
        (tmp_path / name).write_text(COMMAND)
        (tmp_path / name).chmod(0o755)
    assert shutil.which("make")
    return Account(tmp_path)


def test_the_first_time_it_asks_then_builds_the_image_and_starts_the_fleet(
    account: Account,
) -> None:
    done = account.make("deploy")
    assert done.returncode == 0, done.stderr
    assert [one.split(" --")[0] for one in account.called("sam", "docker")] == [
        "sam build",
        "sam deploy",
        "docker login",
        "docker build",
        "docker push 1.dkr.ecr.eu-central-1.amazonaws.com/art-worker:v2",
        "sam deploy",
    ]
    guided, workers = account.called("sam deploy")
    assert guided == "sam deploy --guided --stack-name art --region eu-central-1"
    assert "--parameter-overrides WorkerTag=v2" in workers
    assert "SubmitsPerMinute" in done.stdout
    assert "https://api.example" in done.stdout


def test_later_it_asks_nothing_and_the_image_is_there_before_the_fleet_wants_it(
    account: Account,
) -> None:
    account.has("stack")
    done = account.make("deploy", "PARAMETERS=RetentionDays=30")
    assert done.returncode == 0, done.stderr
    (only,) = account.called("sam deploy")
    assert only.endswith("--parameter-overrides WorkerTag=v2 RetentionDays=30")
    calls = account.called("sam deploy", "docker push")
    assert [one.split()[0] for one in calls] == ["docker", "sam"]


def test_an_image_that_is_there_is_not_pushed_again(account: Account) -> None:
    account.has("stack")
    account.has("image")
    assert account.make("deploy").returncode == 0
    assert account.called("docker") == []
    assert len(account.called("sam deploy")) == 1


def test_a_build_that_fails_changes_nothing(account: Account) -> None:
    account.has("stack")
    account.has("broken")
    assert account.make("deploy").returncode != 0
    assert account.called("docker push", "sam deploy") == []


def test_destroy_asks_and_takes_away_the_instances_first(account: Account) -> None:
    account.has("fleet")
    done = account.make("destroy", answer="yes\n")
    assert done.returncode == 0, done.stderr
    groups = "aws autoscaling delete-auto-scaling-group --force-delete --auto-scaling-group-name"
    assert account.called("aws autoscaling", "sam") == [
        f"{groups} group-of-SpotInstances",
        f"{groups} group-of-OnDemandInstances",
        "sam delete --stack-name art --region eu-central-1 --no-prompts",
    ]
    assert "RUNBOOK.md" in done.stdout


def test_destroy_without_workers_needs_no_more(account: Account) -> None:
    assert account.make("destroy", answer="yes\n").returncode == 0
    assert account.called("aws autoscaling") == []
    assert len(account.called("sam delete")) == 1


@pytest.mark.parametrize("answer", ["no\n", "", "y\n"])
def test_destroy_wants_a_whole_yes(account: Account, answer: str) -> None:
    assert account.make("destroy", answer=answer).returncode != 0
    assert account.called("sam", "aws") == []


@pytest.mark.parametrize("target", ["deploy", "destroy"])
def test_nothing_is_done_without_saying_where(account: Account, target: str) -> None:
    """Or the tools would each look where they like."""
    assert account.make(target, "AWS_REGION=", answer="yes\n").returncode != 0
    assert account.called("sam", "aws") == []


def test_parameters_are_all_explained(account: Account) -> None:
    told = account.make("parameters").stdout
    for name, parameter in template()["Parameters"].items():
        assert f"  {name}:\n" in told
        assert parameter["Description"].split("\n")[0][:40] in told
    assert "Rules:" not in told
    assert "Mappings:" not in told


def test_a_stack_that_never_stood_is_not_built_upon(account: Account) -> None:
    """CloudFormation cannot update it, and it has no outputs."""
    account.has("stack")
    account.has("rolled-back")
    done = account.make("deploy")
    assert done.returncode != 0
    assert "make destroy" in done.stdout
    assert account.called("sam", "docker") == []
