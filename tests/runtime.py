"""What Lambda does with a function: run by an interpreter that has the built artifact and the layer
on its path and nothing else. Prints what came of it, as JSON.

    python -I -S -B runtime.py FUNCTION_FOLDER LAYER_FOLDER HANDLER EVENTS_FILE

The file holds an event, or a list of them: the first is the one that is timed from the beginning,
and of each that follows the processor's time is told. The clients that a function makes when it is
imported (ATELIER_CLIENTS) are made right after that instead, so that they are timed on their own.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

CLIENTS = "ATELIER_CLIENTS"


def main(function: str, layer: str, handler: str, events_file: str) -> None:
    sys.path[:0] = [function, f"{layer}/python"]
    with open(events_file, encoding="utf-8") as file:  # noqa: PTH123 (pathlib costs an import)
        given = json.load(file)
    first, *more = given if isinstance(given, list) else [given]
    clients = os.environ.pop(CLIENTS, "")
    began = time.perf_counter()
    module, _, name = handler.rpartition(".")
    called = getattr(import_module(module), name)
    imported = time.perf_counter()
    make(clients)
    made = time.perf_counter()
    answer = called(first, None)
    answered, monotonic, cpu = time.perf_counter(), time.monotonic(), time.process_time()
    told = {
        "answer": answer,
        "import_ms": 1000 * (imported - began),
        "client_ms": 1000 * (made - imported),
        "call_ms": 1000 * (answered - made),
        "answered_at": monotonic,
        "cpu_ms": 1000 * cpu,
        "warm_cpu_ms": [cost(called, event) for event in more],
        "strays": strays(function, layer),
        "uncompiled": uncompiled(function, layer),
    }
    print("\n" + json.dumps(told))


def make(clients: str) -> None:
    """Let the function make its clients."""
    if clients:
        os.environ[CLIENTS] = clients
        bootstrap = import_module("shared.bootstrap")
        bootstrap.disconnect()
        bootstrap.connect()


def cost(called: Callable[[Any, Any], Any], event: Any) -> float:
    """The processor's time for one more event, in milliseconds."""
    began = time.process_time()
    called(event, None)
    return 1000 * (time.process_time() - began)


def strays(*homes: str) -> list[str]:
    """Modules that come from neither the artifact nor Python itself."""
    good = (*homes, sys.base_prefix, __file__)
    return [file for file in files() if not file.startswith(good)]


def uncompiled(*homes: str) -> list[str]:
    """Modules of the artifact that had to be compiled again."""
    cached = {file: compiled(module) for file, module in files().items()}
    own = [file for file in cached if file.startswith(homes) and file.endswith(".py")]
    return [file for file in own if not os.path.exists(cached[file])]  # noqa: PTH110


def compiled(module: ModuleType) -> str:
    """Where its .pyc would be."""
    return str(module.__spec__ and module.__spec__.cached)


def files() -> dict[str, ModuleType]:
    """Every module that was read from a file, by the file."""
    known = [(getattr(module, "__file__", None), module) for module in sys.modules.values()]
    return {file: module for file, module in known if file}


if __name__ == "__main__":
    main(*sys.argv[1:])
