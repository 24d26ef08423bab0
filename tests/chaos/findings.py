"""What the suite holds against the system."""

from collections import defaultdict

KINDS = ("deaths", "lost", "twice", "stuck", "backwards", "orphans")
SHOWN = 20


class Findings:
    """Findings by kind, each about one thing."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, about: object, why: str) -> None:
        assert kind in KINDS
        self._found[kind].append(f"{about}: {why}")

    def of(self, kind: str) -> list[str]:
        return self._found[kind]

    def counts(self) -> dict[str, int]:
        return {kind: len(self._found[kind]) for kind in KINDS}

    def __bool__(self) -> bool:
        return any(self._found.values())

    def text(self) -> str:
        """The first of each kind."""
        lines = []
        for kind in KINDS:
            lines += [f"{kind}: {why}" for why in self._found[kind][:SHOWN]]
            more = len(self._found[kind]) - SHOWN
            lines += [f"{kind}: and {more} more"] if more > 0 else []
        return "\n".join(lines)
