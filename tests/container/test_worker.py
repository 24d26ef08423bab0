"""A container among others: it makes jobs, ends when it is told to, and says whether it is well."""

import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from functions.submission import submit
from gpu_worker.pictures import encode_png
from shared.records import JobRecord, PulseRecord
from shared.seeds import artwork_seed
from shared.system import System
from tests.client import Client
from tests.container.conftest import Start, figures
from tests.container.running import Container
from tests.integration.working import blobs, current, named, request, until, until_ended
from tests.machine import PHOTO, ROOT, wait_until
from tests.own_models import flat

GIVE_UP = 180
"""Seconds; the machine may be busy."""
SEED, SIZE = 7, 256
NOBODY = [10001] * 4


def painting(client: Client, system: System) -> JobRecord:
    """A job that repaints a photograph, which is uploaded as a phone does it."""
    ticket = client.post("/v1/uploads", {"content_type": "image/jpeg", "size": len(PHOTO)}).json
    sent = requests.put(ticket["url"], data=PHOTO, headers=ticket["headers"], timeout=30)
    sent.raise_for_status()
    wish = {"input": {"image": {"upload": ticket["id"]}}, "params": {"size": SIZE}, "seed": SEED}
    answered = client.post("/v1/jobs", {"model": "paint", **wish})
    assert answered.status == 202, answered.text
    job = system.table.get(JobRecord, answered.json["id"])
    assert job is not None
    return job


def artworks(client: Client, job: JobRecord) -> list[bytes]:
    """What a client gets, by signed URLs; it is what the job says it is."""
    told: list[dict[str, Any]] = client.get(f"/v1/jobs/{job.id}").json["artworks"]
    fetched = [requests.get(one["url"], timeout=30).content for one in told]
    assert [sha256(one).hexdigest() for one in fetched] == [one["sha256"] for one in told]
    return fetched


def painted_here(out: Path) -> bytes:
    """The same artwork without a container."""
    given = ("paint", "local/sample.jpg", "--param", f"size={SIZE}", "--seed", str(SEED))
    command = [sys.executable, "-m", "gpu_worker", "render", *given, "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return out.read_bytes()


def test_it_makes_what_any_worker_makes_and_may_do_nothing_else(
    start: Start, system: System, tmp_path: Path
) -> None:
    client = Client()
    job = painting(client, system)
    with start() as container:
        done = until_ended(system, job, GIVE_UP)
        assert done.status == "succeeded", done.error
        assert artworks(client, done) == [painted_here(tmp_path / "here.png")]
        assert blobs(system, done) == named(done)
        assert container.healthy
        confined(container)
        status, seconds = container.stop()
    figures.append(f"an idle container stopped within {seconds:.1f} s")
    assert status == 0


def confined(container: Container) -> None:
    """Nobody in it is root, or can become it, and the disk is not theirs."""
    told = [Path(f"/proc/{one.pid}/status").read_text() for one in container.processes]
    assert len(told) > 2  # the decoders as well
    for status in told:
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert [int(one) for one in fields["Uid"].split()] == NOBODY
        assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
        assert fields["NoNewPrivs"] == "1"
    for place in ("/", "/opt/atelier/", "/var/tmp/", "/run/"):
        asked = f"touch {place}x 2>/dev/null && echo written || echo refused"
        assert container.say(asked) == "refused", place
    assert container.say("ls -A /tmp") == "turned"


def test_a_job_that_is_stopped_in_the_middle_is_finished_elsewhere(
    start: Start, system: System
) -> None:
    slow = {"seconds": 4.0, "steps": 80}
    job = submit(system, "local", request(count=16, seed=SEED, params=slow))
    with start(drain=1.0) as container:
        begun = until(system, job, lambda job: len(job.artworks) > 0, GIVE_UP)
        status, seconds = container.stop()
    figures.append(f"a container in the middle of a job stopped within {seconds:.1f} s, drain 1 s")
    left = current(system, job)
    assert (status, left.status, left.holder, left.tries) == (0, "running", None, 0)
    assert 0 < len(begun.artworks) <= len(left.artworks) < 16
    assert blobs(system, left) == named(left)
    assert system.lane(job.pool, job.lane).depth() == 1

    with start():
        done = until_ended(system, job, GIVE_UP)
    assert (done.status, done.attempt, done.tries) == ("succeeded", 2, 1)
    assert [made.index for made in done.artworks] == list(range(16))
    assert [made for made in done.artworks if made in left.artworks] == list(left.artworks)
    expected = [encode_png(flat(artwork_seed(SEED, index))) for index in range(16)]
    assert artworks(Client(), done) == expected
    assert blobs(system, done) == named(done)


def generating(system: System, job: JobRecord) -> bool:
    """Whether its model has made a step; before that a job is not waited for."""
    pulse = system.table.get(PulseRecord, job.id)
    return pulse is not None and pulse.progress > 0


def test_what_fits_into_the_drain_is_finished(start: Start, system: System) -> None:
    job = submit(system, "local", request(params={"seconds": 20.0, "steps": 400}))
    with start(heartbeat=0.5) as container:
        wait_until(lambda: generating(system, job), GIVE_UP)
        status, seconds = container.stop()
    figures.append(
        f"a container with up to 20 s of work stopped within {seconds:.1f} s, drain 90 s"
    )
    done = current(system, job)
    assert (status, done.status, done.attempt) == (0, "succeeded", 1)


def test_a_stop_in_the_first_moment_is_heard(start: Start) -> None:
    """Python does not listen yet then, and the kernel keeps from process 1 what it does not
    expect."""
    with start() as container:
        status, seconds = container.stop()
    figures.append(f"a container that had just started stopped within {seconds:.1f} s")
    assert status in (0, 128 + signal.SIGTERM)


def test_its_health_is_the_turning_of_its_loop(start: Start) -> None:
    with start() as container:
        wait_until(lambda: container.healthy, GIVE_UP)
        container.worker.send_signal(signal.SIGSTOP)
        container.say("touch -d '6 minutes ago' /tmp/turned")
        assert not container.healthy
        container.worker.send_signal(signal.SIGCONT)
        wait_until(lambda: container.healthy, GIVE_UP)
        container.worker.kill()
        status, _ = container.stop()
    assert status == 128 + signal.SIGKILL


@pytest.mark.parametrize("times", [3])
def test_no_dead_decoder_is_left(start: Start, system: System, times: int) -> None:
    """Those whose parent was killed are process 1's to bury."""
    client = Client()
    with start() as container:
        for _ in range(times):
            done = until_ended(system, painting(client, system), GIVE_UP)
            assert done.status == "succeeded", done.error
            (nursery,) = container.worker.children()
            decoders = nursery.children()
            assert decoders
            nursery.kill()
            psutil.wait_procs(decoders, timeout=GIVE_UP)
        done = until_ended(system, painting(client, system), GIVE_UP)
        assert done.status == "succeeded", done.error
        dead = [one for one in container.processes if one.status() == psutil.STATUS_ZOMBIE]
        assert dead == []
