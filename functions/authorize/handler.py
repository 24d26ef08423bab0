"""The authorizer of the HTTP API (payload 2.0, simple responses)."""

from collections.abc import Mapping
from typing import Any

from shared.bootstrap import connect, connect_at_init
from shared.keys import verify
from shared.system import System

connect_at_init()


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Whether the call carries a good key, and whose it is."""
    headers = event.get("headers")
    return authorize(connect(), headers if isinstance(headers, Mapping) else {})


def authorize(system: System, headers: Mapping[str, str]) -> dict[str, Any]:
    """The authorizer's answer to a call with these headers."""
    key = verify(system.table, presented(headers))
    if key is None:
        return {"isAuthorized": False}
    return {"isAuthorized": True, "context": {"tenant": key.tenant, "key": key.id}}


def presented(headers: Mapping[str, str]) -> str:
    """The key in `Authorization: Bearer …`."""
    given = {name.lower(): value for name, value in headers.items()}
    scheme, _, token = str(given.get("authorization", "")).strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
