"""The attacks, for anyone to run: python -m tests.hostile requests|files [--count N] [--seed S]"""

import argparse
import json
import sys

from tests.hostile import attack


def main() -> int:
    """Attack, and say what became of it; the exit status."""
    parser = argparse.ArgumentParser(prog="tests.hostile", description=__doc__)
    parser.add_argument("what", choices=("requests", "files"))
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="counts by kind and answer")
    chosen = parser.parse_args()
    report = _attack(chosen.what, chosen.seed, chosen.count)
    if chosen.json:
        counts = [{"kind": k, "answer": a, "count": n} for (k, a), n in report.counts.items()]
        print(json.dumps({"counts": counts, "wrong": report.wrong, "seconds": report.seconds}))
    else:
        print(report.table())
        print(
            f"{chosen.what}={chosen.count} seconds={report.seconds:.1f} wrong={len(report.wrong)}"
        )
    print(*report.wrong[:20], sep="\n", file=sys.stderr)
    return 1 if report.wrong else 0


def _attack(what: str, seed: int, count: int) -> attack.Report:
    if what == "files":
        from tests.hostile import files

        return files.attack(seed, count)
    with attack.machine() as target:
        return target.attack(seed, count)


if __name__ == "__main__":
    sys.exit(main())
