"""API keys and webhook secrets, from the command line: here and in the cloud."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from shared.bootstrap import assemble
from shared.keys import create_key, list_keys, revoke_key
from shared.records import KeyRecord
from shared.settings import Settings, settings
from shared.signing import webhook_secret
from shared.system import System


def run(arguments: argparse.Namespace) -> None:
    """`keys create | list | revoke | webhook-secret`"""
    system = assemble(chosen_settings(arguments.data))
    actions = {
        "create": _create,
        "list": _list,
        "revoke": _revoke,
        "webhook-secret": _webhook_secret,
    }
    actions[arguments.action](system, arguments)


def chosen_settings(data: Path | None) -> Settings:
    """Of the cloud, as the environment describes it, unless a data folder is named."""
    given = settings()
    return given if data is None else given.model_copy(update={"data": data.absolute()})


def _create(system: System, arguments: argparse.Namespace) -> None:
    key, secret = create_key(system.table, arguments.tenant, arguments.name, _now())
    print(secret)
    print(f"This is key {key.id} of {key.tenant}; it is not shown again.", file=sys.stderr)


def _list(system: System, arguments: argparse.Namespace) -> None:
    for key in list_keys(system.table):
        if arguments.tenant in (None, key.tenant):
            print(_line(key))


def _line(key: KeyRecord) -> str:
    state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "good"
    return f"{key.id}  {key.created_at:%Y-%m-%d}  {state:18}  {key.tenant}  {key.name}"


def _revoke(system: System, arguments: argparse.Namespace) -> None:
    key = revoke_key(system.table, arguments.id, _now())
    print(f"Key {key.id} of {key.tenant} is revoked.")


def _webhook_secret(system: System, arguments: argparse.Namespace) -> None:
    print(webhook_secret(system.secret(), arguments.tenant))


def _now() -> datetime:
    return datetime.now(UTC)
