"""An attack on a machine that runs: what is sent, what comes back, and what is wrong with that."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import httpx
import psutil

from shared.codes import CODES
from tests.hostile.requests import Place, corpus
from tests.hostile.wire import Answer, Exchange, Outcome, send
from tests.machine import OWN_MODELS, running

CLIENTS = 12
PICTURE = b"0123456789"


@dataclass
class Report:
    """What became of an attack."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By kind and answer."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    megabytes: tuple[float, float] = (0.0, 0.0)
    """The front's memory, before and after."""

    def note(self, outcome: Outcome) -> None:
        """Count the outcome, and judge it."""
        for told in verdicts(outcome):
            self.counts[outcome.exchange.kind, told] += 1
        self.wrong += complaints(outcome)

    def table(self) -> str:
        """Answers by code, with how many of each kind."""
        answers = Counter[str]()
        for (_, told), count in self.counts.items():
            answers[told] += count
        kinds = Counter[str]()
        for (kind, _), count in self.counts.items():
            kinds[kind] += count
        lines = [f"{told:40} {count:6}" for told, count in sorted(answers.items())]
        lines += ["", *(f"{kind:40} {count:6}" for kind, count in sorted(kinds.items()))]
        return "\n".join(lines)


def verdicts(outcome: Outcome) -> Iterator[str]:
    """Each answer in a few words, or why there is none."""
    for answer in outcome.answers:
        problem = answer.problem
        yield f"{answer.status} {problem['code']}" if problem else str(answer.status)
    if not outcome.answers:
        yield "we left" if outcome.exchange.leave else "closed" if outcome.closed else "not whole"


def complaints(outcome: Outcome) -> list[str]:
    """What should not have come."""
    sent = f"{outcome.exchange.kind}: {b''.join(outcome.exchange.parts)[:300]!r}"
    found = [f"{why}: {sent}" for answer in outcome.answers for why in _faults(answer)]
    if len(outcome.answers) < outcome.exchange.answers and not _broken_off(outcome):
        found.append(f"{len(outcome.answers)} answers: {sent}")
    return found


def _broken_off(outcome: Outcome) -> bool:
    """An error may close the connection, and with it what was still to be said."""
    return outcome.closed and bool(outcome.answers) and outcome.answers[-1].status >= 400


def _faults(answer: Answer) -> Iterator[str]:
    if answer.status >= 500:
        yield f"{answer.status}"
    if b"Traceback" in answer.body or b'.py"' in answer.body:
        yield "a stack trace"
    if answer.status >= 400 and answer.body:
        if answer.problem is None:
            yield f"{answer.status} without a problem"
        elif answer.problem["code"] not in CODES:
            yield f"code {answer.problem['code']} is not documented"


@dataclass(frozen=True)
class Machine:
    """A started system under attack."""

    url: str
    folder: Path

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 80)

    def front(self) -> psutil.Process:
        """The process that answers, by what it was started as."""
        pids = (self.folder / "lock").read_text().split()
        every = (psutil.Process(int(pid)) for pid in pids)
        return next(one for one in every if "local.front" in one.cmdline())

    def connections(self) -> int:
        """How many the front holds."""
        held = self.front().net_connections("tcp")
        return sum(one.status == psutil.CONN_ESTABLISHED for one in held)

    def place(self) -> Place:
        """A job that has succeeded and a ticket that nobody has used."""
        with httpx.Client(base_url=self.url, timeout=60) as client:
            job = client.post("v1/jobs", json={"model": "plain", "input": {"text": "x"}}).json()
            while not job["artworks"]:
                job = client.get(f"v1/jobs/{job['id']}?wait=20").json()
            wish = {"content_type": "image/png", "size": len(PICTURE)}
            ticket = client.post("v1/uploads", json=wish).json()
        return Place(
            host="{}:{}".format(*self.address),
            job=job["id"],
            blob=_origin_form(job["artworks"][0]["url"]),
            ticket=_origin_form(ticket["url"]),
            ticket_headers=ticket["headers"],
        )

    def attack(self, seed: int, count: int) -> Report:
        """Send the corpus; the same front must be there in the end, no fatter than it should be."""
        return self.send(corpus(self.place(), seed, count))

    def send(self, exchanges: Iterable[Exchange]) -> Report:
        report, begun, before = Report(), time.monotonic(), self.front()
        at_first = _megabytes(before)
        with ThreadPoolExecutor(CLIENTS) as clients:
            for outcome in clients.map(lambda one: send(self.address, one), exchanges):
                report.note(outcome)
        report.seconds = time.monotonic() - begun
        after = self.front()
        report.megabytes = at_first, _megabytes(after)
        if after.pid != before.pid:
            report.wrong.append("the front died")
        if httpx.get(self.url + "health").status_code != 200:
            report.wrong.append("the front is not well")
        return report


def _origin_form(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


@contextmanager
def machine() -> Iterator[Machine]:
    """A whole system of its own."""
    with (
        TemporaryDirectory(prefix="hostile-") as folder,
        running(Path(folder), *OWN_MODELS) as atelier,
    ):
        yield Machine(f"{atelier.url}/", atelier.data)
