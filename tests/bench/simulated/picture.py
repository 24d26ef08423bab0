"""The day of the launch as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.figures import Found
from tests.bench.plot import BAR, OTHERS, OURS
from tests.bench.simulated.arrivals import DAY, HOUR
from tests.bench.simulated.run import Ran

TRACKING, CROWD = "#3f6c8f", "#ead9c6"
WINDOW = 1200
TIMES = (1, 10, 60, 600, 3600, 36000), ("1 s", "10 s", "1 min", "10 min", "1 h", "10 h")
BESIDE: dict[str, Any] = {
    "xytext": (6, 4),
    "textcoords": "offset points",
    "fontsize": 8,
}
SOON = 0.5
"""Seconds: the least that the logarithmic axis shows."""


def draw(days: Mapping[str, Ran], tried: Sequence[tuple[str, Found]], path: Path) -> None:
    """Instances and waits over the day; what waits cost; and who waits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.4), dpi=120, layout="constrained")
    places = figure.subplots(2, 2, width_ratios=(1.75, 1))
    for place in places.flat:
        place.spines[["top", "right"]].set_visible(False)
    (fleets, money), (waits, people) = places
    _fleets(fleets, days)
    _waits(waits, days)
    _money(money, tried)
    _people(people, days)
    figure.savefig(path)


def _fleets(place: Any, days: Mapping[str, Ran]) -> None:
    """Jobs that come, and the instances that are paid for."""
    some = next(iter(days.values())).arrivals
    counts, edges = np.histogram(some.at, np.arange(0, DAY + 1, WINDOW))
    coming = place.twinx()
    coming.fill_between(edges[:-1] / HOUR, counts / WINDOW, color=CROWD, step="post", linewidth=0)
    coming.set_ylabel("jobs a second", color="#a98256")
    coming.tick_params(axis="y", colors="#a98256")
    coming.spines[["top", "left", "right"]].set_visible(False)
    coming.set_ylim(0)
    coming.set_zorder(0)
    place.set_zorder(1)
    place.patch.set_visible(False)
    for name, day in days.items():
        minutes = np.array(day.minutes)
        minutes = minutes[minutes[:, 0] <= DAY]
        place.plot(minutes[:, 0] / HOUR, minutes[:, 2], label=name, **_line(name))
    place.set_ylim(0)
    place.legend(frameon=False, loc="upper left", fontsize=9)
    place.set_ylabel("instances paid for")
    _hours(place, "A launch at noon: a million jobs in a day, and the fleets that meet them")


def _waits(place: Any, days: Mapping[str, Ran]) -> None:
    """Of those who came in the same ten minutes."""
    for name, day in days.items():
        bulk = np.array(day.arrivals.bulk)
        at, waited = np.array(day.arrivals.at)[~bulk], day.waits[~bulk]
        window = (at // WINDOW).astype(int)
        found = [
            (begin * WINDOW / HOUR, max(SOON, float(np.percentile(waited[window == begin], 95))))
            for begin in range(int(DAY / WINDOW))
            if (window == begin).any()
        ]
        place.semilogy(*zip(*found, strict=True), **_line(name))
    place.set_yticks(*TIMES)
    place.minorticks_off()
    place.set_ylabel("p95 of the wait")
    _hours(place, "How long somebody waits who comes then (drops apart)")


def _money(place: Any, tried: Sequence[tuple[str, Found]]) -> None:
    """What the day costs, and how long is waited: one point for each set of parameters."""
    for mark in ("ours", "target tracking"):
        points = sorted(_point(one) for name, one in tried if mark in name)
        place.plot(*zip(*points, strict=True), "o-", markersize=5, **_line(mark))
        place.annotate(mark, points[-1], **BESIDE, color=_line(mark)["color"])
    for name, one in tried:
        if "on demand" in name:
            place.plot(*_point(one), "s", markersize=6, color=_line(name)["color"])
            place.annotate(name.partition(", ")[2], _point(one), **BESIDE)
    place.set_xscale("log")
    place.set_yscale("log")
    place.set_xlim(120, 5000)
    place.set_xticks((150, 300, 600, 1200, 2400), ("$150", "$300", "$600", "$1,200", "$2,400"))
    place.set_yticks(*TIMES)
    place.minorticks_off()
    place.set_title("What the day costs, and p95 of the wait", fontsize=10)


def _point(found: Found) -> tuple[float, float]:
    return found["dollars"], max(SOON, found["p95_s"])


def _people(place: Any, days: Mapping[str, Ran]) -> None:
    """Who waits: one row for each kind of tenant."""
    rows = ("small tenants", "the largest 20", "drops")
    shown = [name for name in days if name == "ours" or "target" in name]
    for spot, name in enumerate(shown):
        widths = _by_kind(days[name])
        bars = place.barh(
            np.arange(len(rows)) + 0.4 * spot - 0.2, widths, 0.36, color=_line(name)["color"]
        )
        place.bar_label(bars, [f"{width:.0f} s" for width in widths], padding=3, fontsize=8)
    place.set_yticks(range(len(rows)), rows)
    place.invert_yaxis()
    place.set_xlim(0, place.get_xlim()[1] * 1.12)
    place.set_xticks(())
    place.spines["bottom"].set_visible(False)
    place.set_title("p95 of the wait, by who waits", fontsize=10)


def _by_kind(day: Ran) -> list[float]:
    bulk, large = np.array(day.arrivals.bulk), day.large
    chosen = (~bulk & ~large, ~bulk & large, bulk)
    return [float(np.percentile(day.waits[one], 95)) for one in chosen]


def _hours(place: Any, title: str) -> None:
    place.set_xlim(0, 24)
    place.set_xticks(range(0, 25, 3), [f"{hour}:00" for hour in range(0, 25, 3)])
    place.set_title(title, fontsize=10)


def _line(name: str) -> dict[str, Any]:
    if name == "ours":
        return {"color": OURS, "linewidth": 1.8, "zorder": 3}
    if "target" in name:
        return {"color": TRACKING, "linewidth": 1.3}
    return {
        "color": BAR if "peak" in name else OTHERS,
        "linewidth": 1.0,
        "linestyle": (0, (4, 2)),
    }
