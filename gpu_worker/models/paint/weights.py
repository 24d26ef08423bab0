"""Where the weights lie."""

from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "weights"
NAMED = _FOLDER / "paint-named.safetensors"
ANY = _FOLDER / "paint-any.safetensors"
