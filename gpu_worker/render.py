"""An artwork from the command line, with no system around it."""

import argparse
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from gpu_worker.model import Inputs, Sample
from gpu_worker.registry import Registry
from shared.errors import InputError
from shared.seeds import artwork_seed


def render(chosen: argparse.Namespace, registry: Registry) -> int:
    """Make `count` artworks and write them; the exit status."""
    try:
        model = registry.get(chosen.model)
        _check_folder(Path(chosen.out).parent)
        params = model.Params.model_validate(_params(chosen.param))
        prepared = model.prepare(_inputs(model.Input, chosen), params)
    except KeyError:
        return _complain(f"there is no model {chosen.model!r}: see `python -m gpu_worker models`")
    except (InputError, ValidationError, OSError) as error:
        return _complain(str(error))
    registry.ready(model)
    for index in range(chosen.count):
        sample = Sample(prepared, params, artwork_seed(chosen.seed, index))
        (raw,) = model.generate([sample], _show)
        path = _path(Path(chosen.out), index)
        path.write_bytes(model.encode(raw, params).data)
        sys.stderr.write(f"\r{path}\n")
    return 0


def _params(given: list[str]) -> dict[str, Any]:
    return {name: _value(text) for name, _, text in (one.partition("=") for one in given)}


def _value(text: str) -> Any:
    try:
        return from_json(text)
    except ValueError:
        return text


def _inputs(schema: type[BaseModel], chosen: argparse.Namespace) -> Inputs:
    given = {name: text for name, _, text in (one.partition("=") for one in chosen.input)}
    if chosen.image:
        given["image"] = chosen.image
    unknown = given.keys() - schema.model_fields.keys()
    if unknown:
        raise InputError(f"this model takes {', '.join(schema.model_fields)}")
    missing = [n for n, f in schema.model_fields.items() if f.is_required() and n not in given]
    if missing:
        raise InputError(f"this model needs {', '.join(missing)}")
    return {name: _read(text, schema.model_fields[name].annotation) for name, text in given.items()}


def _read(text: str, kind: Any) -> bytes | str:
    """A file; words only where the model takes words."""
    path = Path(text)
    if not path.is_file() and str in (kind, *get_args(kind)):
        return text
    return path.read_bytes()


def _check_folder(folder: Path) -> None:
    """Before the work, not after it."""
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder}")


def _path(out: Path, index: int) -> Path:
    return out.with_stem(f"{out.stem}-{index}") if index else out


def _show(progress: float) -> None:
    sys.stderr.write(f"\r{progress:4.0%}")
    sys.stderr.flush()


def _complain(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 1
