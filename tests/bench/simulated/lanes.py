"""A queue, by the rules of `shared.embedded.queue`."""

from heapq import heappop, heappush

Letter = tuple[int, int]
"""Its turn, and the job: the job's number is its place in time."""


class FairLane:
    """Start-time fair queueing: a tenant's letter comes one turn after its last one, or after the
    turn that is being served."""

    def __init__(self) -> None:
        self._ready: list[Letter] = []
        self._turns: dict[int, int] = {}
        self._served = 0

    def __len__(self) -> int:
        return len(self._ready)

    def send(self, job: int, tenant: int) -> None:
        turn = 1 + max(self._turns.get(tenant, 0), self._served)
        self._turns[tenant] = turn
        heappush(self._ready, (turn, job))

    def receive(self, limit: int) -> list[Letter]:
        taken = [heappop(self._ready) for _ in range(min(limit, len(self._ready)))]
        if taken:
            self._served = max(self._served, taken[-1][0])
        return taken

    def give_back(self, letter: Letter) -> None:
        heappush(self._ready, letter)
