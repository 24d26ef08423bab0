"""The composition root: which adapters this process works with."""

from functools import cache

from shared.settings import Settings, settings
from shared.system import System


@cache
def connect() -> System:
    """The system that this process's settings describe, made once."""
    return assemble(settings())


def assemble(chosen: Settings) -> System:
    """A system over the adapters that the settings ask for."""
    if chosen.data:
        from shared.embedded.system import embedded

        return embedded(chosen, chosen.data)
    from shared.aws import cloud

    return cloud(chosen)
