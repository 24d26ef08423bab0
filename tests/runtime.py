"""What Lambda does with a function: run by an interpreter that has the built artifact and the layer
on its path and nothing else. Prints what came of it, as JSON.

    python -I -S -B runtime.py FUNCTION_FOLDER LAYER_FOLDER HANDLER EVENT_FILE
"""

import json
import os
import sys
import time
from importlib import import_module
from types import ModuleType


def main(function: str, layer: str, handler: str, event_file: str) -> None:
    sys.path[:0] = [function, f"{layer}/python"]
    with open(event_file, encoding="utf-8") as file:  # noqa: PTH123 (pathlib costs an import)
        event = json.load(file)
    began = time.perf_counter()
    module, _, name = handler.rpartition(".")
    called = getattr(import_module(module), name)
    imported = time.perf_counter()
    answer = called(event, None)
    answered = time.perf_counter()
    told = {
        "answer": answer,
        "import_ms": round(1000 * (imported - began)),
        "call_ms": round(1000 * (answered - imported)),
        "strays": strays(function, layer),
        "uncompiled": uncompiled(function, layer),
    }
    print("\n" + json.dumps(told))


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
