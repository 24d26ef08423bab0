"""The client of a peer, in the peer's own environment."""

import sys
import time
from collections.abc import Callable


def drive(burst: Callable[[range], None]) -> None:
    """For each line `COUNT FIRST_SEED`, have those pictures made, and say the seconds until the
    last one was here."""
    for line in sys.stdin:
        count, first = map(int, line.split())
        start = time.perf_counter()
        burst(range(first, first + count))
        print(time.perf_counter() - start, flush=True)
