"""How broad a stroke is to be, and how far it reaches."""

NATURAL = 768
"""The longer side at which the networks' own strokes look right."""
SMALLEST = 1.25
"""A brush less broad than this is the networks' own."""


def breadth(brush: float, long_side: int) -> float:
    """How many times broader than the networks' own the strokes are to be; 1 leaves them."""
    wanted = brush * long_side / NATURAL
    return wanted if wanted >= SMALLEST else 1.0


def margin(broader: float) -> int:
    """How far the edge must be from the picture, in pixels, for its strokes not to show it."""
    return round(12 * broader)
