"""Figures as Markdown: those of a benchmark stand between `<!-- NAME -->` and `<!-- /NAME -->`."""

from collections.abc import Sequence

from tests.bench.figures import Found


def update(text: str, results: dict[str, Found]) -> str:
    """The text with the tables of these results."""
    for name, found in results.items():
        mark, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, marked, rest = text.partition(mark)
        _, ended, after = rest.partition(end)
        if marked and ended:
            tables = "\n".join(told(found))
            text = f"{before}{mark}{tables}\n{end}{after}"
    return text


def told(found: Found) -> list[str]:
    """When it was measured; then a table for the plain figures, and one for each set of things that
    were measured side by side."""
    plain = {name: one for name, one in found.items() if not isinstance(one, dict)}
    lines = [f"Measured {plain.pop('measured')}.", ""]
    if plain:
        lines += table(tuple(plain), [tuple(plain.values())])
    sets: dict[tuple[tuple[str, ...], tuple[str, ...]], Found] = {}
    for name, one in found.items():
        if isinstance(one, dict) and one:
            sets.setdefault((tuple(one), _parts(one)), {})[name] = one
    for (keys, parts), columns in sets.items():
        lines += (
            _one_by_one(columns) if parts and len(columns) == 1 else _beside(keys, parts, columns)
        )
    return lines


def _one_by_one(columns: Found) -> list[str]:
    """Things that have parts: a row for each."""
    ((name, things),) = columns.items()
    parts = _parts(things)
    return table((name, *parts), [(key, *one.values()) for key, one in things.items()])


def _beside(keys: Sequence[str], parts: Sequence[str], columns: Found) -> list[str]:
    """A column for each that was measured; the corner says what a cell holds that has parts."""
    rows = [(key, *(column[key] for column in columns.values())) for key in keys]
    return table((", ".join(parts), *columns), rows)


def _parts(found: Found) -> tuple[str, ...]:
    """What all things in there consist of, if that is the same."""
    kinds = {tuple(one) if isinstance(one, dict) else () for one in found.values()}
    return kinds.pop() if len(kinds) == 1 else ()


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Its lines, and an empty one."""
    ruled = "|".join("---" for _ in head)
    return [line(head), f"|{ruled}|", *(line(row) for row in rows), ""]


def line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(cell, cells)) + " |"


def cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(map(cell, value.values()))
    if isinstance(value, list):
        return " ".join(map(cell, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("_", " ")
