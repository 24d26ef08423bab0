"""Each metric that an alarm or the dashboard asks for is one that our code emits, or AWS does: no
graph stays empty for want of a name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from functions.announcing import announce
from functions.ingest.arrival import Arrival, take
from functions.scale.policy import Aims, Seen, Wanted
from functions.scale.scaling import tell
from functions.submission import accept
from gpu_worker.occupancy import Occupancy
from shared.contract import Status
from shared.fleet import Backlog, Workers
from shared.metrics import NAMESPACE
from shared.records import JobRecord
from shared.system import Lane
from tests.cloudformation import resources, template
from tests.unit.functions.stage import Stage, a_job

STACK = "atelier-test"
AWS_OWN = {
    "AWS/ApiGateway": {"4xx", "5xx", "Count", "Latency"},
    "AWS/Lambda": {"Errors", "IteratorAge"},
    "AWS/SQS": {
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesVisible",
    },
}
"""Of each namespace, what AWS documents and we use."""
SEARCH = re.compile(r"SEARCH\('\{(.*?)\} MetricName=\"(\w+)\" stack=\"\$\{AWS::StackName\}\"'")


class Named(NamedTuple):
    """A metric, with the names of its dimensions in order."""

    namespace: str
    name: str
    dimensions: tuple[str, ...]


def dashboard() -> dict[str, Any]:
    (board,) = resources("AWS::CloudWatch::Dashboard").values()
    body: dict[str, Any] = json.loads(board["DashboardBody"]["Fn::Sub"])
    return body


def widgets() -> list[dict[str, Any]]:
    return [one["properties"] for one in dashboard()["widgets"]]


def options(row: list[Any]) -> dict[str, Any]:
    """How a line of a graph is drawn."""
    return row[-1] if isinstance(row[-1], dict) else {}


def on_the_dashboard() -> Iterator[Named]:
    for widget in widgets():
        for row in widget.get("metrics", []):
            names = [one for one in row if isinstance(one, str)]
            if names:
                yield Named(names[0], names[1], tuple(sorted(names[2::2])))
            for space, name in SEARCH.findall(options(row).get("expression", "")):
                namespace, *dimensions = space.split(",")
                yield Named(namespace, name, tuple(sorted(dimensions)))


def alarms() -> dict[str, dict[str, Any]]:
    return resources("AWS::CloudWatch::Alarm")


def in_alarms() -> Iterator[Named]:
    for alarm in alarms().values():
        for one in _asked(alarm):
            dimensions = tuple(sorted(each["Name"] for each in one["Dimensions"]))
            yield Named(one["Namespace"], one["MetricName"], dimensions)


def _asked(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "MetricName" in alarm:
        yield alarm
    for one in alarm.get("Metrics", []):
        chosen = one["Fn::If"][1] if "Fn::If" in one else one
        if "MetricStat" in chosen:
            yield chosen["MetricStat"]["Metric"]


@pytest.fixture
def emitted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What the code writes to its log when jobs end, a minute of a worker passes, and the fleet is
    looked at."""
    stage = Stage.at(tmp_path, stack=STACK)
    for job in (stage.succeeded(), stage.failed(), stage.succeeded(lane="bulk")):
        announce(stage.system, job)
    accept(stage.system, a_job(stage.clock.now))
    accept(stage.system, a_job(stage.clock.now, lane="bulk"))
    Occupancy(STACK).report()
    waiting: dict[Lane, Backlog] = {"interactive": Backlog(3, 1), "bulk": Backlog()}
    seen = Seen(0.0, waiting, Workers(2, 1))
    tell(STACK, Aims(), seen, Wanted(2, 0))
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_what_is_asked_for_is_emitted(emitted: list[dict[str, Any]]) -> None:
    told = {
        Named(part["Namespace"], metric["Name"], tuple(sorted(dimensions)))
        for line in emitted
        for part in line["_aws"]["CloudWatchMetrics"]
        for dimensions in part["Dimensions"]
        for metric in part["Metrics"]
    }
    asked = {one for one in (*on_the_dashboard(), *in_alarms()) if one.namespace == NAMESPACE}
    assert len(asked) > 5
    assert asked - told == set()


def test_it_is_emitted_under_the_stacks_own_name(emitted: list[dict[str, Any]]) -> None:
    assert {line["stack"] for line in emitted} == {STACK}
    ours = [row for widget in widgets() for row in widget.get("metrics", []) if row[0] == NAMESPACE]
    assert all(row[row.index("stack") + 1] == "${AWS::StackName}" for row in ours)


def test_lanes_are_called_what_jobs_call_them(emitted: list[dict[str, Any]]) -> None:
    rows = [row for widget in widgets() for row in widget.get("metrics", []) if "lane" in row]
    asked = {row[row.index("lane") + 1] for row in rows}
    assert asked == {line["lane"] for line in emitted if "lane" in line}


def test_whoever_announces_and_whoever_works_knows_the_stack() -> None:
    """Without its name nothing is emitted."""
    functions = resources("AWS::Serverless::Function")
    for name in (
        "NotifyFunction",
        "SweepFunction",
        "ScaleFunction",
        "ApiFunction",
        "IngestFunction",
    ):
        told = functions[name]["Environment"]["Variables"]
        assert told["ATELIER_STACK"] == {"Ref": "AWS::StackName"}


def test_what_aws_emits_is_spelled_as_aws_spells_it() -> None:
    for one in (*on_the_dashboard(), *in_alarms()):
        assert one.namespace == NAMESPACE or one.name in AWS_OWN[one.namespace], one


def test_a_wait_is_told_of_who_was_served_and_of_who_gave_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage.at(tmp_path, stack=STACK)
    served, left = stage.put(), stage.put()
    stage.clock.pass_by(seconds=20)
    ended = {"ended_at": stage.clock.now, "announce": True}
    for job, more in (
        (served, {"status": "succeeded", "started_at": served.queued_at}),
        (left, {"status": "canceled"}),
    ):
        fields = {**job.model_dump(), **ended, **more, "version": job.version}
        announce(stage.system, stage.system.table.put(JobRecord(**fields)))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    waits = {line["job_id"]: line["Wait"] for line in lines if "Wait" in line}
    assert waits == {served.id: [0.0], left.id: [20.0]}


def test_a_failure_is_told_by_its_code(emitted: list[dict[str, Any]]) -> None:
    failures = [line for line in emitted if "Failures" in line]
    assert [line["code"] for line in failures] == ["image_unreadable"]


def test_one_machine_writes_no_metrics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage.at(tmp_path)
    announce(stage.system, stage.failed())
    assert '"_aws"' not in capsys.readouterr().out


def test_every_alarm_is_on_the_dashboard_and_tells_somebody() -> None:
    (shown,) = [widget["alarms"] for widget in widgets() if "alarms" in widget]
    assert set(shown) == {f"${{{name}.Arn}}" for name in alarms()}
    for alarm in alarms().values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]


def test_an_operators_questions_are_answered() -> None:
    titles = " ".join(str(widget["title"]).lower() for widget in widgets())
    for asked in ("wait", "backlog", "workers", "busy", "cost of an artwork", "failures by code"):
        assert asked in titles
    rows = [row for widget in widgets() for row in widget.get("metrics", [])]
    percentiles = {options(row).get("stat") for row in rows}
    assert {"p50", "p95"} <= percentiles


def test_expressions_name_metrics_that_stand_beside_them() -> None:
    for widget in widgets():
        rows = [options(row) for row in widget.get("metrics", [])]
        ids = {row["id"] for row in rows if "id" in row}
        for row in rows:
            plain = re.sub(r"\$\{.*?\}|PERIOD|SEARCH\(.*", "", row.get("expression", ""))
            assert set(re.findall(r"[a-z]+", plain)) <= ids
    for name, alarm in alarms().items():
        known = {one.get("Id") for one in alarm.get("Metrics", [])}
        for one in alarm.get("Metrics", []):
            used = set(re.findall(r"\b[a-z]+\b", one.get("Expression", "")))
            assert used <= known, name


def test_dimensions_name_resources_that_exist() -> None:
    text = json.dumps(dashboard())
    named = set(re.findall(r"\$\{([A-Z]\w+)(?:\.\w+)?\}", text))
    assert named <= set(template()["Resources"]) | set(template()["Parameters"])


def test_a_job_that_an_upload_starts_is_told_once_it_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage.at(tmp_path, stack=STACK)
    job = stage.put(status=Status.AWAITING_UPLOAD, queued_at=None)
    upload = stage.upload(job.id, starts=job.id)
    take(stage.system, Arrival("inbox", upload.key, upload.size, "1"))
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["job_id"], line["Queued"], line["lane"]) == (job.id, [1.0], job.lane)
