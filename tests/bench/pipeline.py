"""How busy the device is where every service is 30-50 ms away: `python -m tests.bench.pipeline`

A worker process on the AWS adapters and a stub of the AWS wire; the device sleeps for so long a
picture of 512², and its input is an uploaded picture. Busy is the device's time for all pictures,
divided by the span from the beginning of the first `generate` to the end of the last. In the end
every job must have succeeded, with artwork, thumbnail and manifest, and its letter must be gone.
"""

import io
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image
from pydantic_core import to_json

from functions.submission import submit
from functions.ticket import issue
from gpu_worker.registry import Registry
from shared.aws import cloud
from shared.aws.clients import Clients
from shared.contract import JobRequest, Manifest, Status, UploadRequest
from shared.records import JobRecord
from shared.settings import Settings, environment
from shared.system import LANES, System
from tests.bench.figures import Found, parser, say
from tests.bench.sleeper import JOURNAL, SIDE
from tests.bench.wire_stub.running import CREDENTIALS, Wire, wire_stub
from tests.bench.workplace import workplace

MODELS = ("tests.bench.sleeper",)
IMAGES = {30: (300, 30), 300: (60, 10), 3000: (12, 3)}
"""By the milliseconds of a picture: how many through the pipeline, and how many one by one."""
WORKERS = {
    "serial": "tests.bench.one_by_one",
    "sdk": "tests.bench.by_the_sdk",
    "ours": "gpu_worker run",
}
TENANT = "local"
LOOK_SECONDS, GIVE_UP_SECONDS = 0.2, 600.0


@dataclass(frozen=True)
class Run:
    """What one run has shown."""

    busy: float
    clocked: float
    """As `busy`, with the device's time as its clock saw it: it oversleeps while others run."""
    fill_s: float
    """From the first letter's receipt to the first `generate`."""
    drain_s: float
    """From the end of the last `generate` to the last commit."""
    cpu_ms: float
    """Of the worker's process, a picture; the processes in which it decodes are not in it."""
    calls: dict[str, float]
    """Of AWS, a picture."""


def run(kind: str, ms: int, count: int, folder: Path) -> Run:
    """So many jobs through a worker of that kind."""
    with wire_stub() as wire:
        chosen = settings(wire, folder)
        system = cloud(chosen.model_copy(update={"aws_endpoint": wire.plain}))
        jobs = [queue(system, ms) for _ in range(count)]
        journal = folder / f"{kind}-{ms}"
        with working(kind, chosen, journal):
            wait(wire, chosen)
        check(system, jobs)
        return figures(journal, wire, count)


def settings(wire: Wire, folder: Path) -> Settings:
    catalogue = folder / "catalogue.json"
    catalogue.write_bytes(to_json(Registry(MODELS).cards()))
    queues = {name: f"{wire.delayed}/1/{name}" for name in (f"standard-{lane}" for lane in LANES)}
    return Settings(
        aws_endpoint=wire.delayed,
        queues=queues,
        catalogue=catalogue,
        models=MODELS,
        device="cpu",
    )


def queue(system: System, ms: int) -> JobRecord:
    """Upload a picture and submit a job for it, as the api does."""
    request = UploadRequest(content_type="image/jpeg", size=len(picture()))
    ticket = issue(system, TENANT, request)
    system.inbox.put(f"uploads/{TENANT}/{ticket.id}", picture(), "image/jpeg")
    given = {"image": {"upload": ticket.id}}
    return submit(system, TENANT, JobRequest(model="sleeper", input=given, params={"ms": ms}))


@cache
def picture() -> bytes:
    """A JPEG of 512², noisy: neither it nor what is made of it packs well."""
    noise = np.random.default_rng(0).normal(128, 5, (SIDE, SIDE, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=95)
    return out.getvalue()


@contextmanager
def working(kind: str, chosen: Settings, journal: Path) -> Iterator[None]:
    """A worker process meanwhile, with its log beside the device's journal."""
    command = [sys.executable, "-m", *WORKERS[kind].split()]
    with journal.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**environment(chosen), JOURNAL: str(journal)}, stdout=log, stderr=log
        )
        try:
            yield
            process.terminate()
            if process.wait(timeout=GIVE_UP_SECONDS):
                raise AssertionError(f"the worker ended with {process.returncode}")
        finally:
            process.kill()
            process.wait()


def wait(wire: Wire, chosen: Settings) -> None:
    """Until no letter is left."""
    clients, give_up = Clients(wire.plain), time.monotonic() + GIVE_UP_SECONDS
    while any(letters(clients, url) for url in chosen.queues.values()):
        if time.monotonic() > give_up:
            raise TimeoutError("the jobs do not end")
        time.sleep(LOOK_SECONDS)


def letters(clients: Clients, url: str) -> int:
    """How many wait or are out."""
    answer = clients.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    return sum(map(int, answer["Attributes"].values()))


def check(system: System, jobs: list[JobRecord]) -> None:
    """Every job has ended well, and what it names is there."""
    for queued in jobs:
        job = system.table.get(JobRecord, queued.id)
        assert job is not None
        assert job.status is Status.SUCCEEDED, job
        (made,) = job.artworks
        artwork, thumbnail, manifest = map(system.artworks.get, made.keys(TENANT, job.id))
        assert artwork is not None
        assert sha256(artwork).hexdigest() == made.sha256
        assert Manifest.model_validate_json(manifest or b"").sha256 == made.sha256
        assert thumbnail is not None
        assert thumbnail[8:12] == b"WEBP"


def figures(journal: Path, wire: Wire, count: int) -> Run:
    """From what the device and the wire have written down."""
    lines = [list(map(float, line.split())) for line in journal.read_text().splitlines()]
    begun, ended, device, cpu = zip(*lines, strict=True)
    assert len(lines) >= count
    noted = wire.journal()
    span = ended[-1] - begun[0]
    received = noted["AmazonSQS.ReceiveMessage"][1]
    committed = noted["DynamoDB_20120810.PutItem"][2]
    return Run(
        busy=round(sum(device) / span, 3),
        clocked=round(sum(ended[i] - begun[i] for i in range(len(lines))) / span, 3),
        fill_s=round(begun[0] - received, 2),
        drain_s=round(committed - ended[-1], 2),
        cpu_ms=round((cpu[-1] - cpu[0]) / (len(lines) - 1) * 1e3, 1),
        calls={name: round(times / count, 2) for name, (times, _, _) in sorted(noted.items())},
    )


def measure(folder: Path, times: list[int], kinds: list[str]) -> Found:
    """Each kind of worker, for each time of a picture; by figure and time."""
    found: Found = {}
    with patch.dict(os.environ, CREDENTIALS):
        for ms, kind in itertools.product(times, kinds):
            many, few = IMAGES[ms]
            one = run(kind, ms, few if kind == "serial" else many, folder)
            for name, figure in said(kind, one).items():
                found.setdefault(name, {})[str(ms)] = figure
            print(told(kind, ms, one), file=sys.stderr)
    return found


def said(kind: str, one: Run) -> Found:
    """Of ours everything, of the others that they are compared by."""
    calls = round(sum(one.calls.values()), 1)
    if kind == "ours":
        return {**asdict(one), "calls": calls}
    return {kind: one.busy, f"{kind}_cpu_ms": one.cpu_ms, f"{kind}_calls": calls}


def told(name: str, ms: int, one: Run) -> str:
    return (
        f"{ms:>5} ms a picture, {name:6}: busy {one.busy:.3f} (clocked {one.clocked:.3f}), "
        f"fill {one.fill_s:.2f} s, drain {one.drain_s:.2f} s, {one.cpu_ms:.1f} ms CPU and "
        f"{sum(one.calls.values()):.1f} calls a picture {one.calls}"
    )


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--ms", type=int, action="append", choices=IMAGES, help="only these")
    arguments.add_argument("--sdk", action="store_true", help="and where botocore makes every call")
    chosen = arguments.parse_args()
    kinds = [kind for kind in WORKERS if kind != "sdk" or chosen.sdk]
    with workplace(chosen.folder) as folder:
        found = measure(folder, chosen.ms or list(IMAGES), kinds)
    say(found, chosen.json)


if __name__ == "__main__":
    main()
