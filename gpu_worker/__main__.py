"""`python -m gpu_worker run | render | models`"""

import argparse
import os
import sys
from typing import NoReturn

from pydantic_core import to_json

from gpu_worker.registry import Registry
from shared.settings import settings

SWITCH_SECONDS = 0.001
"""After so long a thread lets another run: the device's is not to wait for those that encode."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="gpu_worker", description="Makes artworks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="take jobs from the queue until SIGTERM")
    models = commands.add_parser("models", help="what can be made")
    models.add_argument("--json", action="store_true", help="the catalogue, as the api reads it")
    render = commands.add_parser("render", help="make one artwork from files, with no system")
    add_render_arguments(render)
    chosen = parser.parse_args(arguments)
    match chosen.command:
        case "run":
            return run()
        case "models":
            return show_models(chosen.json)
    return render_files(chosen)


def add_render_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `render`."""
    parser.add_argument("model")
    parser.add_argument("image", nargs="?", help="the picture to start from")
    parser.add_argument("--out", required=True, help="where to write; `-1`, `-2` … are added")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE_OR_TEXT")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)


def run() -> NoReturn:
    """Work until drained."""
    from gpu_worker.decoding import apart
    from gpu_worker.decoding.pool import Pool
    from gpu_worker.drain import Drain
    from gpu_worker.worker import Worker
    from shared import lifeline
    from shared.bootstrap import connect

    sys.setswitchinterval(SWITCH_SECONDS)
    drain = Drain(settings().drain)
    drain.listen()
    lifeline.hold(drain.now)
    with apart(Pool()):
        chosen = settings()
        registry = Registry(chosen.models, chosen.device, chosen.threads, chosen.model_memory)
        Worker(connect(), registry, drain).run()
    sys.stdout.flush()
    os._exit(0)  # a model that was left behind may still run in its thread


def show_models(as_json: bool) -> int:
    """Print the catalogue, or a line for each model."""
    cards = Registry(settings().models).cards()
    if as_json:
        sys.stdout.write(to_json(cards, indent=2).decode() + "\n")
        return 0
    for card in cards:
        sys.stdout.write(f"{card.name:12} {card.title.en}: {card.description.en}\n")
    return 0


def render_files(chosen: argparse.Namespace) -> int:
    """Make artworks from files."""
    from gpu_worker.render import render

    return render(chosen, Registry(settings().models, settings().device))


if __name__ == "__main__":
    sys.exit(main())
