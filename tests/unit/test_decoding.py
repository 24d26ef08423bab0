"""What `gpu_worker.decoding` promises: whatever a file does to its decoder, nobody else is hurt."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from gpu_worker import decoding, pictures
from gpu_worker.decoding import pool as pools
from gpu_worker.decoding.pool import Pool
from gpu_worker.pictures import Picture
from shared.errors import InputError, Unavailable
from tests.unit.test_pictures import half_clear, photo, png_header, saved

HOSTILE = "tests.hostile.decoder"


@pytest.fixture
def harmed() -> Iterator[Pool]:
    """A pool whose decoders do the harm that a file asks for."""
    pool = Pool(HOSTILE)
    yield pool
    pool.close()


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    with decoding.apart(made):
        yield made


def decode(pool: Pool, data: bytes, long_side: int | None = None) -> Picture:
    return pool.decode(data, pictures.MAX_PIXELS, long_side)


def refused(pool: Pool, data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        decode(pool, data)
    return caught.value


def nurseries() -> list[psutil.Process]:
    """Other tests may have left processes of theirs running beside them."""
    return [child for child in psutil.Process().children() if is_nursery(child)]


def is_nursery(process: psutil.Process) -> bool:
    try:
        return "decoder" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def decoders() -> list[psutil.Process]:
    return [one for nursery in nurseries() for one in (nursery, *nursery.children(recursive=True))]


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def until_gone(processes: list[psutil.Process]) -> None:
    """A process that has ended may still wait for somebody to ask how."""
    give_up = time.monotonic() + 30
    while any(map(alive, processes)):
        assert time.monotonic() < give_up, processes
        time.sleep(0.02)


@pytest.mark.parametrize("image", [photo(), half_clear(photo()), photo(1900, 1300)])
@pytest.mark.parametrize("long_side", [None, 20])
def test_the_picture_is_the_same_as_decoded_in_place(
    pool: Pool, image: Image.Image, long_side: int | None
) -> None:
    data = saved(image, "PNG")
    apart = decoding.decode(data, long_side=long_side)
    here = pictures.decode(data, long_side=long_side)
    assert np.array_equal(apart.rgb, here.rgb)
    assert apart.rgb.flags.writeable
    assert (apart.alpha is None) == (here.alpha is None)
    assert apart.alpha is None or np.array_equal(apart.alpha, here.alpha)


def test_a_worker_decodes_apart_and_others_in_place(pool: Pool) -> None:
    decoding.decode(saved(photo(), "PNG"))
    assert len(decoders()) == 2
    pool.close()
    assert decoders() == []


def test_without_a_pool_it_is_decoded_here() -> None:
    assert decoding.decode(saved(photo(), "PNG")).width == 48
    assert decoders() == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "image_empty"),
        (b"words", "image_unreadable"),
        (b"%PDF-1.7\n" + b"x" * 100, "image_unsupported"),
        (saved(photo(), "PNG")[:90], "image_truncated"),
        (png_header(60_000, 60_000), "image_too_large"),
    ],
)
def test_a_refusal_comes_with_its_words(pool: Pool, data: bytes, code: str) -> None:
    with pytest.raises(InputError) as apart:
        decoding.decode(data)
    with pytest.raises(InputError) as here:
        pictures.decode(data)
    assert apart.value.code == here.value.code == code
    assert str(apart.value) == str(here.value)
    assert not apart.value.retryable


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit memory")
@pytest.mark.parametrize(
    ("harm", "code", "retryable"),
    [
        ("crash", "image_crashed", False),
        ("dump", "image_crashed", False),
        ("leave", "image_crashed", False),
        ("invent", "image_crashed", False),
        ("swell", "image_crashed", False),
        ("chatter", "image_crashed", False),
        ("hog", "image_too_complex", False),
        ("hog_in_a_codec", "image_crashed", False),
        ("loop", "image_too_slow", False),
        ("die", "image_crashed", True),
    ],
)
def test_harm_fails_one_file_with_a_code_and_the_next_is_decoded(
    harmed: Pool, harm: str, code: str, retryable: bool
) -> None:
    error = refused(harmed, harm.encode())
    assert (error.code, error.retryable) == (code, retryable)
    assert decode(harmed, saved(photo(), "PNG")).width == 48


def test_a_decoder_that_does_nothing_is_ended_and_the_file_may_come_again(harmed: Pool) -> None:
    harmed.seconds = 1.0
    error = refused(harmed, b"sleep")
    harmed.seconds = pools.SECONDS
    assert (error.code, error.retryable) == ("image_too_slow", True)
    assert decode(harmed, saved(photo(), "PNG")).width == 48
    assert len(decoders()) <= 2, "the sleeper is gone"


def test_a_decoder_writes_no_file(harmed: Pool, tmp_path: Path) -> None:
    target = tmp_path / "harm"
    assert refused(harmed, b"write " + bytes(target)).code == "image_crashed"
    assert not target.exists() or target.read_bytes() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_decoder_has_limits_and_no_secrets(pool: Pool) -> None:
    decode(pool, saved(photo(), "PNG"))
    decoder = next(one for one in decoders() if one.ppid() != os.getpid())
    folder = Path(f"/proc/{decoder.pid}")
    assert (folder / "oom_score_adj").read_text().strip() == "1000"
    assert "NoNewPrivs:\t1" in (folder / "status").read_text()
    limits = (folder / "limits").read_text()
    assert "Max core file size        0 " in limits
    assert "Max file size             0 " in limits
    environment = (folder / "environ").read_text()
    assert {pair.split("=")[0] for pair in environment.split("\0") if pair} == {
        "PYTHONPATH",
        "OPENBLAS_NUM_THREADS",
    }


def test_decoders_serve_many_pictures_and_are_replaced_in_time(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "PICTURES", 5)
    data, served = saved(photo(), "PNG"), []
    for _ in range(12):
        decode(pool, data)
        served += [one.pid for one in decoders() if one.ppid() != os.getpid()]
    assert len(served) == 10, "after its fifth picture a decoder is gone at once"
    assert len(set(served)) == 3


def test_a_decoder_that_was_killed_while_it_waited_costs_nothing(pool: Pool) -> None:
    data = saved(photo(), "PNG")
    decode(pool, data)
    for one in decoders():
        if one.ppid() != os.getpid():
            one.kill()
            until_gone([one])
    assert decode(pool, data).width == 48


def test_a_nursery_that_was_killed_is_replaced_and_its_decoders_end(pool: Pool) -> None:
    data = saved(photo(), "PNG")
    decode(pool, data)
    before = decoders()
    (nursery,) = nurseries()
    nursery.kill()
    until_gone(before)
    assert decode(pool, data).width == 48


def test_a_nursery_that_cannot_start_is_our_fault_and_not_the_pictures() -> None:
    pool = Pool("tests.hostile.nothing_of_that_name")
    with pytest.raises(Unavailable):
        decode(pool, saved(photo(), "PNG"))
    pool.close()


def test_one_that_waits_for_its_picture_does_not_hold_up_another(harmed: Pool) -> None:
    sleeper = threading.Thread(target=lambda: refused(harmed, b"sleep"))
    sleeper.start()
    while len(family := decoders()) < 2:
        time.sleep(0.01)
    decode(harmed, saved(photo(), "PNG"))
    assert sleeper.is_alive()
    next(one for one in family if one.ppid() != os.getpid()).kill()
    sleeper.join()


WORKER = f"""
import threading, psutil
from gpu_worker.decoding.pool import Pool
pool = Pool({HOSTILE!r})
for _ in range(2):
    threading.Thread(target=pool.decode, args=(b"sleep", 100, None), daemon=True).start()
while len(found := psutil.Process().children(recursive=True)) < 3:
    pass
print(*(one.pid for one in found), flush=True)
threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit on time ends them")
def test_nothing_outlives_a_worker_that_is_killed() -> None:
    """Though the decoders are in the middle of a picture and would be for an hour."""
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        family = [psutil.Process(int(pid)) for pid in worker.stdout.readline().split()]
        worker.send_signal(signal.SIGKILL)
    assert len(family) == 3
    until_gone(family)


def test_sigterm_and_ctrl_c_are_the_workers_business(pool: Pool) -> None:
    decode(pool, saved(photo(), "PNG"))
    before = decoders()
    for one in before:
        one.terminate()
        one.send_signal(signal.SIGINT)
    assert decode(pool, saved(photo(), "PNG")).width == 48
    assert decoders() == before
