"""RQ: jobs and results in a Redis that keeps nothing; pictures go to disk, a result is a path.

One `SimpleWorker`: RQ's own default forks for each job, and would load the model each time.
"""

import os
import time
from functools import cache
from pathlib import Path

from redis import Redis
from rq import Queue

from tests.bench.dcgan import Generator
from tests.bench.peers.driven import drive

POLL = 0.02
FOLDER = Path(os.environ["PEER_FOLDER"])


@cache
def generator() -> Generator:
    import torch

    torch.set_num_threads(1)
    return Generator()


def picture(seed: int) -> str:
    path = FOLDER / f"{seed}.png"
    path.write_bytes(generator().pictures([seed])[0])
    return str(path)


def burst(seeds: range) -> None:
    queue = Queue(connection=Redis.from_url(os.environ["PEER_REDIS"]))
    for job in [queue.enqueue("tests.bench.peers.on_rq.picture", seed) for seed in seeds]:
        while not job.is_finished:
            assert not job.is_failed, job.latest_result()
            time.sleep(POLL)
        Path(job.return_value(refresh=True)).read_bytes()


if __name__ == "__main__":
    drive(burst)
