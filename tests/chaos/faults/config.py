"""What `CHAOS_FAULTS` names."""

from pathlib import Path

from pydantic import BaseModel

CONFIG = "config.json"


class Config(BaseModel):
    """How the layer of one system is set up."""

    folder: Path
    seed: int
    mutant: str | None = None
