"""How long to wait before the next attempt."""

import random


def decorrelated(last: float, least: float, most: float) -> float:
    """Seconds: drawn between `least` and three times the last wait, `most` at most.

    Decorrelated jitter, which spreads what failed together and still backs off:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return min(most, random.uniform(least, max(least, 3 * last)))  # noqa: S311
