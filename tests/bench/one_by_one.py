"""The worker without a pipeline: it looks at a message when the work on the last one is over."""

import sys

from gpu_worker.drain import Drain
from gpu_worker.registry import Registry
from gpu_worker.worker import Worker
from shared.bootstrap import connect
from shared.settings import settings


def main() -> int:
    """Work until drained."""
    drain = Drain(settings().drain)
    drain.listen()
    worker = Worker(connect(), Registry(settings().models, settings().device), drain)
    while not drain.asked:
        worker.once()
    return 0


if __name__ == "__main__":
    sys.exit(main())
