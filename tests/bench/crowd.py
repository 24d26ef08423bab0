"""Many connections at once, each in a thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.bench.connection import Connection


@contextmanager
def crowd(url: str, size: int) -> Iterator[list[Connection]]:
    """So many connections to one server."""
    with ExitStack() as stack:
        yield [stack.enter_context(Connection(url)) for _ in range(size)]


def shared(clients: list[Connection], count: int, work: Callable[[Connection, int], None]) -> None:
    """So many pieces of work, shared among the connections, in order."""
    places = iter(range(count))
    failures: list[Exception] = []

    def run(client: Connection) -> None:
        try:
            for place in places:
                work(client, place)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
