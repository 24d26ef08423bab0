"""Many connections at once, served by one thread: a client that takes little of the processor."""

import selectors
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.bench.connection import PATIENCE, Connection
from tests.bench.talks import T, Talk

CONNECTIONS = 16


@contextmanager
def crowd(url: str, size: int = CONNECTIONS) -> Iterator[list[Connection]]:
    """So many connections to one server."""
    with ExitStack() as stack:
        yield [stack.enter_context(Connection(url)) for _ in range(size)]


def hold(clients: list[Connection], talks: Iterable[Talk[T]]) -> list[T]:
    """All these talks, begun in order, one at a time on each connection; what came of each."""
    left, outcomes = enumerate(talks), dict[int, T]()
    with selectors.DefaultSelector() as selector:
        for client in clients:
            own = _one_by_one(left, outcomes)
            with suppress(StopIteration):
                client.send(next(own))
                selector.register(client, selectors.EVENT_READ, own)
        while selector.get_map():
            _go_on(selector)
    return [outcomes[place] for place in sorted(outcomes)]


def _go_on(selector: selectors.BaseSelector) -> None:
    """With those who are answered next."""
    answered = selector.select(PATIENCE)
    if not answered:
        raise TimeoutError("nobody is answered")
    for key, _ in answered:
        client: Connection = key.fileobj  # type: ignore[assignment]
        answer = client.read()
        if answer is not None:
            try:
                client.send(key.data.send(answer))
            except StopIteration:
                selector.unregister(client)


def _one_by_one(left: Iterator[tuple[int, Talk[T]]], outcomes: dict[int, T]) -> Talk[None]:
    for place, talk in left:
        outcomes[place] = yield from talk
