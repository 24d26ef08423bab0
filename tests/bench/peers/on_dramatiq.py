"""Dramatiq: messages and results in a Redis that keeps nothing; pictures go to disk, a result is a
path. One process with one thread."""

import os
from functools import cache
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from redis import Redis

from tests.bench.dcgan import Generator
from tests.bench.peers.driven import drive

PATIENCE_MS = 300_000
REDIS = os.environ["PEER_REDIS"]
FOLDER = Path(os.environ["PEER_FOLDER"])

backend = RedisBackend(client=Redis.from_url(REDIS, socket_timeout=None))
"""A result is waited for longer than redis-py does of itself."""
broker = RedisBroker(url=REDIS)
broker.add_middleware(Results(backend=backend))
dramatiq.set_broker(broker)


@cache
def generator() -> Generator:
    import torch

    torch.set_num_threads(1)
    return Generator()


@dramatiq.actor(actor_name="picture", store_results=True)
def picture(seed: int) -> str:
    path = FOLDER / f"{seed}.png"
    path.write_bytes(generator().pictures([seed])[0])
    return str(path)


def burst(seeds: range) -> None:
    for message in [picture.send(seed) for seed in seeds]:
        made = message.get_result(backend=backend, block=True, timeout=PATIENCE_MS)
        Path(made).read_bytes()


if __name__ == "__main__":
    drive(burst)
