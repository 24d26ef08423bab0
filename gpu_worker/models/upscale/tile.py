"""A tile: a part of the picture that is worked on by itself, so that memory stays bounded."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Span:
    """Rows or columns `start..stop` that are made, from sources `low..high` around them."""

    start: int
    stop: int
    low: int
    high: int

    @property
    def source(self) -> slice:
        return slice(self.low, self.high)

    def target(self, scale: int) -> slice:
        """Where the result lies in the large picture."""
        return slice(self.start * scale, self.stop * scale)

    def kept(self, scale: int) -> slice:
        """What of the result is kept: all but that of the margin."""
        return slice((self.start - self.low) * scale, (self.stop - self.low) * scale)


@dataclass(frozen=True)
class Tile:
    rows: Span
    columns: Span


def tiles(height: int, width: int, side: int, margin: int) -> Iterator[Tile]:
    """Tiles of at most `side` that cover the picture, each with a margin of its surroundings.

    At the picture's own border there is no margin: the network pads there, as it would untiled.
    """
    for rows in spans(height, side, margin):
        for columns in spans(width, side, margin):
            yield Tile(rows, columns)


def spans(length: int, side: int, margin: int) -> list[Span]:
    """Spans of about equal length, none longer than `side`."""
    count = -(-length // side)
    edges = [length * index // count for index in range(count + 1)]
    return [
        Span(start, stop, max(0, start - margin), min(length, stop + margin))
        for start, stop in pairwise(edges)
    ]
