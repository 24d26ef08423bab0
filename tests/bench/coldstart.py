"""Cold starts of the functions: `python -m tests.bench.coldstart [--json] [--built DIR]`

Each function is built as it is deployed (`sam build`), and started as Lambda starts it: a bare
process of the runtime's Python with the artifact and the layer on its path. Timed from the start of
the process to its first answer, over a stub of the AWS wire. For the api's submit and for a look at
a job, what the handler then costs of the processor, with its calls to AWS in it. Everything is
measured in turn, `--starts` times, also in another build if one is given (`--against DIR`).
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.aws import cloud
from shared.aws.clients import Clients
from shared.settings import Settings, environment
from tests.artifacts import Built, build
from tests.bench.figures import Found, parser, say
from tests.bench.wire_stub.running import CREDENTIALS, wire_stub
from tests.cloudformation import environment_of, resources
from tests.receiver import LOOPBACK, Reply, receiving
from tests.sam import runtime_python
from tests.scenes import JOB, OTHER_JOB, put_delivery, put_ended, put_key, read_event

STARTS = 7
WARM = 100
QUEUES = ("standard-interactive", "standard-bulk", "deliveries")
DEAD = ("standard-interactive-dead", "standard-bulk-dead")
EVENTS = {
    "ApiFunction": "http_post_job",
    "LookFunction": "http_get_job",
    "AuthorizeFunction": "authorizer_good_key",
    "IngestFunction": "s3_drop_names",
    "NotifyFunction": "dynamodb_ended_jobs",
    "DeliverFunction": "sqs_deliveries",
    "SweepFunction": "schedule_minute",
    "ScaleFunction": "schedule_minute",
    "StudioFunction": "studio_page",
}
CALLED_AGAIN = {"ApiFunction": "submit", "LookFunction": "look"}
GOOD: tuple[dict[str, Any], ...] = ({"batchItemFailures": []}, {"settled": 0, "failed": 0})
WANTED = {"spot", "on_demand"}


@dataclass(frozen=True)
class Start:
    """One start of one function, in milliseconds."""

    import_ms: float
    client_ms: float
    first_answer_ms: float
    total_ms: float
    cpu_ms: float
    warm_cpu_ms: tuple[float, ...]


def starts(built: Built) -> dict[str, Start]:
    """Each function of the build, started once, where there is something to do for it."""
    with (
        wire_stub() as wire,
        receiving(Reply(200)) as receiver,
        tempfile.TemporaryDirectory() as folder,
    ):
        chosen = settings(wire.plain)
        prepare(chosen, receiver.url())
        return {
            function: start(built, function, chosen, Path(folder) / function)
            for function in EVENTS
            if (built.folder / function).exists()
        }


def settings(endpoint: str) -> Settings:
    """Everything that any function is told."""
    return Settings(
        aws_endpoint=endpoint,
        queues={name: f"{endpoint}/0/{name}" for name in (*QUEUES, *DEAD)},
        topic="arn:aws:sns:eu-central-1:0:events",
        secret_arn="arn:aws:secretsmanager:eu-central-1:0:secret:master",
        allow_networks=LOOPBACK,
    )


def prepare(chosen: Settings, webhook: str) -> None:
    """A job that has ended, two webhooks to be called, and a key."""
    system = cloud(chosen, Clients(chosen.aws_endpoint))
    put_ended(system)
    put_key(system)
    for job in (JOB, OTHER_JOB):
        put_delivery(system, job, url=webhook)


def start(built: Built, function: str, chosen: Settings, events: Path) -> Start:
    """Start the function, and have it answer; some are called again and again."""
    again = WARM if function in CALLED_AGAIN else 0
    events.write_text(json.dumps([event(function, n) for n in range(1 + again)]))
    early = {"ATELIER_CLIENTS": environment_of(function).get("ATELIER_CLIENTS", "")}
    began = time.monotonic()
    told = built.call(function, events, environment(chosen) | CREDENTIALS | early)
    answer = told["answer"]
    good = answer in GOOD or answer.keys() == WANTED
    good = good or answer.get("statusCode", 500) < 300 or answer.get("isAuthorized")
    assert good, f"{function}: {answer}"
    return Start(
        import_ms=told["import_ms"],
        client_ms=told["client_ms"],
        first_answer_ms=told["call_ms"],
        total_ms=1000 * (told["answered_at"] - began),
        cpu_ms=told["cpu_ms"],
        warm_cpu_ms=tuple(told["warm_cpu_ms"]),
    )


def event(function: str, number: int) -> dict[str, Any]:
    """An event for the function; no two submits are the same."""
    read = read_event(EVENTS[function])
    if "idempotency-key" in read.get("headers", {}):
        read["headers"]["idempotency-key"] = f"key-{number}"
    return read


def bare(python: Path) -> float:
    """Milliseconds until a Python without anything runs."""
    code = "import time; print(time.monotonic())"
    began = time.monotonic()
    ran = subprocess.check_output([python, "-I", "-S", "-B", "-c", code])
    return 1000 * (float(ran) - began)


def figures(built: Built, rounds: Sequence[dict[str, Start]]) -> Found:
    """What the rounds of one build have shown."""
    by_function: dict[str, list[Start]] = defaultdict(list)
    for one in rounds:
        for function, started in one.items():
            by_function[function].append(started)
    return {
        "functions": {short(name): summed(found) for name, found in by_function.items()},
        "warm_cpu_ms": {
            called: middle([ms for one in by_function[name] for ms in one.warm_cpu_ms])
            for name, called in CALLED_AGAIN.items()
            if name in by_function
        },
        "zipped_mb": round(max(built.zipped(name) for name in by_function) / 2**20, 2),
    }


def summed(found: Sequence[Start]) -> Found:
    """Medians, and the least and the most of all together."""
    parts = ("import_ms", "client_ms", "first_answer_ms", "total_ms", "cpu_ms")
    totals = [one.total_ms for one in found]
    return {
        **{part: middle([getattr(one, part) for one in found]) for part in parts},
        "min_ms": round(min(totals), 1),
        "max_ms": round(max(totals), 1),
    }


def middle(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2)


def short(function: str) -> str:
    return function.removesuffix("Function").lower()


def table(found: Found) -> list[str]:
    """For a person, in Markdown."""
    head = "| function | import | clients | first answer | total (least to most) | CPU |"
    lines = [head, "|---|---|---|---|---|---|"]
    for name, one in found["functions"].items():
        parts = [one[part] for part in ("import_ms", "client_ms", "first_answer_ms")]
        cells = " | ".join(f"{part:.0f}" for part in parts)
        spread = f"{one['total_ms']:.0f} ({one['min_ms']:.0f} to {one['max_ms']:.0f})"
        lines.append(f"| {name} | {cells} | {spread} | {one['cpu_ms']:.0f} |")
    warm = ", ".join(f"{name} {cpu:.2f} ms" for name, cpu in found["warm_cpu_ms"].items())
    zipped = f"zipped, with the layer: {found['zipped_mb']:.1f} MiB"
    return [*lines, "", f"CPU of a warm handler, calls to AWS in it: {warm}", zipped]


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--built", type=Path, help="a build that is there already")
    arguments.add_argument("--against", type=Path, help="another build, measured in turn with it")
    arguments.add_argument("--starts", type=int, default=STARTS, help="of each function")
    chosen = arguments.parse_args()
    assert set(EVENTS) == set(resources("AWS::Serverless::Function"))
    os.environ.update(CREDENTIALS)
    with tempfile.TemporaryDirectory() as folder:
        ours = Built(chosen.built, runtime_python()) if chosen.built else build(Path(folder))
        builds = [ours]
        if chosen.against:
            builds.append(Built(chosen.against, ours.python))
        rounds: dict[Path, list[dict[str, Start]]] = {built.folder: [] for built in builds}
        for _ in range(chosen.starts):
            for built in builds:
                rounds[built.folder].append(starts(built))
        python_ms = middle([bare(ours.python) for _ in range(chosen.starts)])
        found, *other = [figures(built, rounds[built.folder]) for built in builds]
    told: list[str] = table(found)
    if other:
        found["against"] = other[0]
        told += ["", "against", *table(other[0])]
    say({**found, "python_ms": python_ms}, chosen.json, *told, f"bare Python: {python_ms:.0f} ms")


if __name__ == "__main__":
    main()
