"""Hostile files, drawn from a seed, and an attack with them on a machine that runs."""

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain, cycle, islice
from pathlib import Path
from random import Random

import httpx
import psutil

from shared.codes import CODES
from tests.hostile.attack import CLIENTS, Machine, Report, machine
from tests.hostile.bombs import bombs
from tests.hostile.mutations import MUTATIONS
from tests.hostile.originals import originals
from tests.hostile.tricks import tricks

TAKEN = 23
"""So many of the originals are of kinds that are decoded: they are mutated the most."""
WAIT = 20
PATIENCE_SECONDS = 600.0

File = tuple[str, bytes]


def corpus(seed: int, count: int) -> list[File]:
    """So many files: of those that are made by hand each once, where there is room for them."""
    dice = Random(seed)
    files = dice.sample(crafted(), min(len(crafted()), count // 2))
    files += islice(_mutated(dice), count - len(files))
    dice.shuffle(files)
    return files


@cache
def crafted() -> list[File]:
    """What needs no dice."""
    return list(chain(bombs(), tricks(), originals().items()))


def _mutated(dice: Random) -> Iterator[File]:
    every = list(originals().items())
    for turn in cycle(range(10)):
        name, data = dice.choice(every[:TAKEN] if turn else every[TAKEN:])
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            mutation = dice.choice(MUTATIONS)
            name, data = f"{name}/{mutation.__name__}", mutation(data, dice)[:2_000_000] or b"\0"
        yield name, data


def attack(seed: int, count: int) -> Report:
    """Upload the corpus as many clients; each file becomes an artwork or a code."""
    files = corpus(seed, count)
    with machine() as target:
        return send(target, files)


def send(target: Machine, files: Iterable[File]) -> Report:
    """The same worker must be there in the end."""
    report, begun, before = Report(), time.monotonic(), workers(target)
    with ThreadPoolExecutor(CLIENTS) as clients, httpx.Client(timeout=2 * WAIT) as client:
        for name, told in clients.map(lambda file: _sent(client, target.url, file), files):
            report.counts[name.split("-")[0].split("/")[0].lower(), told] += 1
            if told not in CODES and told != "succeeded":
                report.wrong.append(f"{told}: {name}")
    report.seconds = time.monotonic() - begun
    if not before or workers(target) != before:
        report.wrong.append("a worker died")
    report.counts["decoders", "lost"] += len(lost(target.folder))
    return report


def workers(target: Machine) -> set[int]:
    """Their process ids."""
    pids = (target.folder / "lock").read_text().split()
    return {int(pid) for pid in pids if "gpu_worker" in psutil.Process(int(pid)).cmdline()}


def lost(folder: Path) -> list[str]:
    """How decoders ended that were not asked to, by the workers' logs."""
    said = chain(*(log.read_text().splitlines() for log in folder.glob("logs/worker-*")))
    told = (json.loads(line) for line in said if "a decoder was lost" in line)
    return [line["ended"] for line in told]


def _sent(client: httpx.Client, url: str, file: File) -> tuple[str, str]:
    """The file's name, and the code that it came to; or `succeeded`, or what else was wrong."""
    name, data = file
    wish = {"content_type": "image/png", "size": len(data), "job": {"model": "looking"}}
    ticket = client.post(url + "v1/uploads", json=wish)
    if ticket.status_code != 201:
        return name, _code(ticket)
    told = ticket.json()
    put = client.put(told["url"], content=data, headers=told["headers"])
    if put.status_code != 200:
        return name, _code(put)
    return name, _ended(client, f"{url}v1/jobs/{told['job_id']}")


def _ended(client: httpx.Client, url: str) -> str:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        answer = client.get(url, params={"wait": WAIT})
        if answer.status_code != 200:
            return _code(answer)
        job = answer.json()
        if job["status"] == "succeeded" and len(job["artworks"]) == 1:
            return "succeeded"
        if job["status"] == "failed":
            return str(job["error"]["code"])
    return "it does not end"


def _code(answer: httpx.Response) -> str:
    """Of a refusal. An error of ours is no code, though it may have one."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    return str(answer.json()["code"])
