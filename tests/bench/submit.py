"""How long a submit takes on an idle system: `python -m tests.bench.submit [--json]`

Over HTTP, on one connection, as in `idle`: each job has ended before the next one is submitted.
"""

from tests.bench.figures import parser, say
from tests.bench.idle import JOBS, measure
from tests.bench.workplace import workplace


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--jobs", type=int, default=JOBS)
    chosen = arguments.parse_args()
    with workplace(chosen.folder) as folder:
        series = measure(folder, chosen.jobs)
    found = series.figures(series.submit)
    bar = 1 + found["commit_ms"]
    say(
        found,
        chosen.json,
        f"submit: p50 {found['p50_ms']:.2f} ms (bar: 1 ms + 1 commit = {bar:.2f}), "
        f"p99 {found['p99_ms']:.2f} ms",
        f"a commit of this disk: {found['commit_ms']:.2f} ms",
    )


if __name__ == "__main__":
    main()
