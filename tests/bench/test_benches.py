"""The benchmarks keep running, and say what they promise; how fast anything is, no test judges."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.coldstart import EVENTS
from tests.bench.figures import Found
from tests.bench.plot import draw
from tests.bench.tables import update
from tests.cloudformation import resources

ROOT = Path(__file__).parents[2]
SMALL = [
    ("throughput", ["--jobs", "9", "--rounds", "1"], {"ratio", "forward_ratio"}),
    ("idle", ["--jobs", "3"], {"p50_ms", "p99_ms", "commit_ms"}),
    ("submit", ["--jobs", "3"], {"p50_ms", "p99_ms", "commit_ms"}),
    ("backlog", ["--depths", "20,40", "--pushed", "20"], {"cpu_us_per_job"}),
    ("fairness", ["--flood", "40", "--seconds", "2"], {"quiet", "loud"}),
    ("calls", ["--times", "1"], {"botocore", "wire"}),
]
MEASURED: dict[str, Found] = {
    "throughput": {"ratio": 0.9, "peers": {"celery": 0.5}},
    "backlog": {"cpu_us_per_job": {"100": 1900, "1000": 2000}},
    "pipeline": {"busy": {"30": 0.96, "300": 0.97}, "serial": {"30": 0.1, "300": 0.5}},
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "keys"), SMALL, ids=[name for name, *_ in SMALL])
def test_the_last_line_is_one_object_with_the_figures(
    name: str, options: list[str], keys: set[str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", f"tests.bench.{name}", "--json", *options]
    ran = subprocess.run(
        [*command, "--folder", tmp_path / "data"], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert keys <= found.keys()
    if name == "backlog":
        assert found["cpu_us_per_job"].keys() == {"20", "40"}
    if name == "fairness":
        assert found["quiet"]["ended"] == 2


def test_tables_take_the_place_of_the_last_ones() -> None:
    text = "a\n<!-- idle -->\nold\n<!-- /idle -->\nb\n"
    found: Found = {
        "p50_ms": 3.5,
        "measured": "today",
        "x": {"1": 2, "10": 3},
        "y": {"1": 4, "10": 5.25},
    }
    found["z"] = {"1": {"front": 1}, "10": {"front": 2}}
    found["png"] = {"small": {"ms": 1, "kB": 20}, "large": {"ms": 2, "kB": 30}}
    found["jpeg"] = {"small": {"ms": 3, "kB": 40}, "large": {"ms": 4, "kB": 50.55}}
    once = update(text, {"idle": found})
    assert once == (
        "a\n<!-- idle -->\nMeasured today.\n\n| p50 ms |\n|---|\n| 3.5 |\n\n"
        "|  | x | y |\n|---|---|---|\n| 1 | 2 | 4 |\n| 10 | 3 | 5.25 |\n\n"
        "| z | front |\n|---|---|\n| 1 | 1 |\n| 10 | 2 |\n\n"
        "| ms, kB | png | jpeg |\n|---|---|---|\n| small | 1, 20 | 3, 40 |\n"
        "| large | 2, 30 | 4, 50.55 |\n\n<!-- /idle -->\nb\n"
    )
    assert update(once, {"idle": found}) == once


def test_what_one_benchmark_finds_is_kept_whatever_becomes_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, readme = tmp_path / "results.json", tmp_path / "README.md"
    readme.write_text(
        "".join(f"<!-- {name} -->\n<!-- /{name} -->\n" for name in ("idle", "submit"))
    )
    for name, path in (("RESULTS", results), ("README", readme), ("PLOT", tmp_path / "plot.png")):
        monkeypatch.setattr(bench, name, path)
    found = {"idle": {"p50_ms": 3}, "encode": None, "submit": {"p50_ms": 1}}
    monkeypatch.setattr(bench, "run", lambda name, options: found[name])
    assert [bench.measured(name, []) for name in found] == [True, False, True]
    assert json.loads(results.read_text()).keys() == {"idle", "submit"}
    assert "| 3 |" in readme.read_text()
    assert "| 1 |" in readme.read_text()


def test_the_plot_is_drawn_from_whatever_was_measured(tmp_path: Path) -> None:
    for measured in (MEASURED, {"backlog": MEASURED["backlog"]}, {}):
        draw(measured, tmp_path / "plot.png")
        assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_every_function_is_started() -> None:
    assert set(EVENTS) == set(resources("AWS::Serverless::Function"))
