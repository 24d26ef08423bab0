"""Celery, its broker and its results in Redis; pictures go to disk, a result is a path.

Prefetch and the rest at their defaults, one worker process; Redis keeps nothing.
"""

import os
from pathlib import Path
from typing import Any

from celery import Celery, signals

from tests.bench.dcgan import Generator
from tests.bench.peers.driven import drive

PATIENCE = 300
REDIS = os.environ["PEER_REDIS"]
FOLDER = Path(os.environ["PEER_FOLDER"])

app = Celery("on_celery", broker=REDIS, backend=REDIS)
loaded: list[Generator] = []


@signals.worker_process_init.connect
def load(**_: Any) -> None:
    import torch

    torch.set_num_threads(1)
    loaded.append(Generator())


@app.task(name="picture")
def picture(seed: int) -> str:
    path = FOLDER / f"{seed}.png"
    path.write_bytes(loaded[0].pictures([seed])[0])
    return str(path)


def burst(seeds: range) -> None:
    for waiting in [picture.delay(seed) for seed in seeds]:
        Path(waiting.get(timeout=PATIENCE)).read_bytes()


if __name__ == "__main__":
    drive(burst)
