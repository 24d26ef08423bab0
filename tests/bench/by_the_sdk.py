"""The worker without `shared.aws.wire`: botocore makes every call."""

import sys

from gpu_worker.__main__ import main
from shared.aws.wire import Wire

if __name__ == "__main__":
    Wire.begin = lambda *_: lambda: None  # type: ignore[method-assign]
    sys.exit(main(["run"]))
