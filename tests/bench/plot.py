"""The figures as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.figures import Found

OURS, OTHERS, BAR = "#c2452d", "#9aa5b1", "#333333"
MODEL_MS = ("30", "300", "3000")


def draw(results: dict[str, Found], path: Path) -> None:
    """Throughput, the cost of a backlog and the share of time in which the device is busy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), dpi=120, layout="constrained")
    places = figure.subplots(1, 3)
    for place, panel, name in zip(
        places, (throughput, backlog, pipeline), ("throughput", "backlog", "pipeline"), strict=True
    ):
        place.spines[["top", "right"]].set_visible(False)
        if name in results:
            panel(place, results[name])
    figure.savefig(path)


def throughput(place: Any, found: Found) -> None:
    """Everybody against the bare loop."""
    ratios = {"atelier": found["ratio"], **found["peers"]}
    names = sorted(ratios, key=lambda name: ratios[name])
    colours = [OURS if name == "atelier" else OTHERS for name in names]
    bars = place.barh(names, [ratios[name] for name in names], color=colours)
    place.bar_label(bars, fmt="%.3g", padding=3)
    place.axvline(1, color=BAR, linewidth=1)
    place.set_xlim(0, max(1.15, *ratios.values()))
    place.set_title("300 jobs at once\nas a share of the bare model loop", fontsize=10)


def backlog(place: Any, found: Found) -> None:
    """The cost of a job at each depth."""
    depths = list(map(int, found["cpu_us_per_job"]))
    used = [value / 1000 for value in found["cpu_us_per_job"].values()]
    place.semilogx(depths, used, "o-", color=OURS)
    place.axhline(2, color=BAR, linewidth=1)
    place.set_ylim(0, max(2.4, *used) * 1.1)
    place.set_xlabel("jobs queued")
    place.set_title("CPU a job, whole system\nms; the line is the bar", fontsize=10)


def pipeline(place: Any, found: Found) -> None:
    """The device's share, serial and ours."""
    kinds: Sequence[tuple[str, str, float]] = (("serial", OTHERS, -0.2), ("busy", OURS, 0.2))
    for name, colour, shift in kinds:
        shares = found[name]
        heights = [shares[ms] for ms in MODEL_MS if ms in shares]
        spots = [spot + shift for spot in range(len(heights))]
        label = "atelier" if name == "busy" else "serial loop"
        bars = place.bar(spots, heights, 0.38, color=colour, label=label)
        place.bar_label(bars, fmt="%.3g", padding=2, fontsize=8)
    place.set_xticks(range(len(MODEL_MS)), [f"{ms} ms" for ms in MODEL_MS])
    place.set_ylim(0, 1.35)
    place.legend(frameon=False, loc="upper left", ncols=2, fontsize=8)
    place.set_title("device busy\nmodel by its time a picture, AWS 30-50 ms away", fontsize=10)
