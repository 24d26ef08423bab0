"""Atelier as a side of the throughput benchmark."""

import time

from tests.bench import talks
from tests.bench.connection import Connection
from tests.bench.crowd import crowd, hold
from tests.bench.processes import Processes

AHEAD = 40
"""Pictures that are fetched together; a page of the list has 50."""


class Ours:
    """A machine over HTTP: every job submitted, then every picture fetched."""

    name = "atelier"

    def __init__(self, url: str, processes: Processes) -> None:
        self._url = url
        self.cpu, self.still = processes.cpu, processes.still

    def client(self) -> float:
        return time.process_time()

    def burst(self, count: int, first_seed: int) -> float:
        seeds = range(first_seed, first_seed + count)
        with crowd(self._url) as clients:
            start = time.perf_counter()
            fetch(clients, hold(clients, [talks.submit("gan", seed=seed) for seed in seeds]))
            return time.perf_counter() - start


def fetch(clients: list[Connection], jobs: list[str]) -> None:
    """The picture of each job. Whenever one some way ahead has ended, all that have succeeded are
    listed and fetched; the last ones are waited for one by one, so that none comes late."""
    missing = dict.fromkeys(jobs)
    while len(missing) > AHEAD:
        clients[0].hold(talks.end(list(missing)[AHEAD]))
        done = clients[0].hold(talks.done(set(missing)))
        if not done:  # it is behind a page of others that came before
            break
        hold(clients, map(talks.artwork, done))
        for job in done:
            del missing[job["id"]]
    hold(clients, map(talks.made, missing))
