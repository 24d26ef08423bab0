"""Python runs this at its start. It does nothing unless `CHAOS_FAULTS` names a config, and then
only waits for the process to import `shared.bootstrap`, which a process of ours does."""

import os
import sys


class Waiting:
    """A finder that steps aside at once when the module is asked for, and wraps its loading."""

    def find_spec(self, name, path=None, target=None):
        if name != "shared.bootstrap":
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (load(module), _install(module))
        return spec


def _install(bootstrap):
    from pathlib import Path

    root = str(Path(__file__).resolve().parents[2])
    if root not in sys.path:
        sys.path.append(root)
    from tests.chaos.faults.layer import install

    install(bootstrap, os.environ["CHAOS_FAULTS"])


if os.environ.get("CHAOS_FAULTS"):
    sys.meta_path.insert(0, Waiting())

if "faketime" in os.environ.get("LD_PRELOAD", ""):
    # libfaketime 0.9.10 takes an absolute sleep on the monotonic clock for one on the wall's, and
    # since Python 3.11 `time.sleep` is one.
    import select
    import time

    time.sleep = lambda seconds: select.select([], [], [], seconds) and None
