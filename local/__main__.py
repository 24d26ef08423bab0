"""`python -m local up | demo | keys | dead-letters | cost`"""

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from local import cost, demo, logs
from local.lock import FolderInUse
from local.machine import NotAllowed, Options, run
from local.supervisor import StartFailed, Supervisor
from shared.errors import AtelierError
from shared.settings import Settings

DATA = Path(".atelier")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status."""
    chosen = _parser().parse_args(arguments)
    logs.configure("ERROR")
    commands: dict[str, Callable[[argparse.Namespace], None]] = {
        "up": up,
        "demo": show,
        "keys": keys,
        "dead-letters": dead_letters,
        "cost": cost.run,
    }
    try:
        commands[chosen.command](chosen)
    except (FolderInUse, NotAllowed, StartFailed, AtelierError, OSError, demo.DemoFailed) as error:
        print(f"atelier: {error}", file=sys.stderr)
        return 1
    return 0


def up(chosen: argparse.Namespace) -> None:
    """Run the system until Ctrl-C."""
    run(_options(chosen), say, _on_ready)
    say("Everything has ended.")


def show(chosen: argparse.Namespace) -> None:
    """Make a first artwork, as any client would, and stay up."""
    picture = demo.Wish(chosen.photo, chosen.style, chosen.exit)
    demo.run(_options(chosen), picture, say)


def keys(chosen: argparse.Namespace) -> None:
    """API keys and webhook secrets."""
    from local.keys import run

    run(chosen)


def dead_letters(chosen: argparse.Namespace) -> None:
    """What was received too often, and its way back."""
    from local.dead_letters import run

    run(chosen)


def say(text: str) -> None:
    """A line for the person at the terminal."""
    with suppress(OSError):  # nobody reads any more, or the disk is full: no reason to end
        print(text, flush=True)


def _on_ready(_: Supervisor, chosen: Settings) -> None:
    say(f"Atelier is ready: {chosen.public_url}/  (data in {chosen.data}; Ctrl-C ends it)")


def _options(chosen: argparse.Namespace) -> Options:
    return Options(
        data=chosen.data,
        host=chosen.host,
        port=chosen.port,
        workers=chosen.workers,
        models=tuple(name for name in chosen.models.split(",") if name),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local", description="Atelier on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_machine(commands.add_parser("up", help="run the system until Ctrl-C"))
    shown = commands.add_parser("demo", help="run the system, and turn a photo into a painting")
    _add_machine(shown)
    shown.add_argument("--photo", type=Path, default=demo.SAMPLE, help="a picture of your own")
    shown.add_argument("--style", help="one of the styles of the model `paint`")
    shown.add_argument("--exit", action="store_true", help="end after the first artwork")
    _add_keys(commands.add_parser("keys", help="API keys and webhook secrets"))
    told = "events, webhooks and jobs that were received too often"
    _add_dead_letters(commands.add_parser("dead-letters", help=told))
    cost.add_arguments(commands.add_parser("cost", help="what a month on AWS costs"))
    return parser


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1", help="anything else needs an API key")
    parser.add_argument("--data", type=Path, default=DATA, help="where everything is kept")
    parser.add_argument("--workers", type=int, default=1, help="processes that make artworks")
    parser.add_argument("--models", default="", help="modules with models of your own: a,b")


def _add_keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    for name, told in (
        ("create", "make a key and show it, once"),
        ("list", "all keys"),
        ("revoke", "a key opens nothing any more"),
        ("webhook-secret", "what a tenant's webhooks are signed with"),
    ):
        action = actions.add_parser(name, help=told)
        action.add_argument("--data", type=Path, help="a machine's data folder; else the cloud's")
        if name == "revoke":
            action.add_argument("id")
        else:
            action.add_argument("--tenant", default=None if name == "list" else "local")
        if name == "create":
            action.add_argument("--name", default="key")


def _add_dead_letters(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    for name, told in (("list", "show them"), ("redrive", "send them to their queue again")):
        action = actions.add_parser(name, help=told)
        action.add_argument("--data", type=Path, help="a machine's data folder; else the cloud's")
        action.add_argument("--queue", help="one queue only: objects, deliveries, …")


if __name__ == "__main__":
    sys.exit(main())
