"""The composition root: which adapters this process works with."""

from functools import cache
from threading import Lock

from shared.settings import Settings, settings
from shared.system import System

_making = Lock()


def connect() -> System:
    """The system that this process's settings describe, made once, whichever thread is first."""
    with _making:
        return _connected()


@cache
def _connected() -> System:
    return assemble(settings())


def connect_at_init() -> None:
    """Make what each invocation needs while the function starts: for that Lambda lends it a whole
    processor, and later as much of one as its memory buys. Elsewhere nothing is made early."""
    if settings().clients:
        connect()


def disconnect() -> None:
    """Forget the system and its settings: the next `connect` reads the environment again."""
    _connected.cache_clear()
    settings.cache_clear()


def assemble(chosen: Settings) -> System:
    """A system over the adapters that the settings ask for."""
    if chosen.data:
        from shared.embedded.system import embedded

        return embedded(chosen, chosen.data)
    from shared.aws import cloud

    return cloud(chosen)
