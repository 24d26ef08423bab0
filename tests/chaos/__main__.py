"""`python -m tests.chaos`: 0 only where nothing was lost, twice, stuck, backwards or orphaned."""

import json
import signal
import sys

from tests.chaos.options import Options
from tests.chaos.run import run


def main(arguments: list[str] | None = None) -> int:
    options = Options.parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    summary = run(options)
    if summary.findings:
        print(summary.findings.text(), file=sys.stderr)
    print(f"seed={options.seed} seconds={summary.seconds:.0f}", file=sys.stderr, flush=True)
    print(json.dumps(summary.details()) if options.json else summary.line(), flush=True)
    return 1 if summary.findings else 0


if __name__ == "__main__":
    sys.exit(main())
