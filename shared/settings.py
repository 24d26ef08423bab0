"""The settings: the one reader of the environment.

Every variable is `ATELIER_<FIELD>`, all documented here, and ECS's own one. With `data` set the
embedded adapters are used, without it AWS.
"""

import os
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

PREFIX = "ATELIER_"
AGENT = "ECS_AGENT_URI"
"""What ECS tells a task."""


def _split(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_split)]


class Settings(BaseModel):
    """One process's settings."""

    model_config = ConfigDict(frozen=True)

    data: Path | None = Field(default=None, description="The data folder of one machine.")
    public_url: str = Field(default="http://127.0.0.1:8080", description="Where clients reach us.")
    keys_required: bool = Field(default=True, description="False only on a loopback laptop.")
    default_model: str = Field(default="paint", description="For drops without settings.")
    catalogue: Path | None = Field(default=None, description="A catalogue file, else the built-in.")

    table: str = Field(default="atelier", description="DynamoDB table.")
    inbox_bucket: str = Field(default="atelier-inbox", description="Uploads and drops.")
    artworks_bucket: str = Field(default="atelier-artworks", description="Artworks and mirrors.")
    queues: dict[str, str] = Field(
        default_factory=dict, description='SQS URLs as JSON: {"standard-interactive": "https://…"}.'
    )
    topic: str | None = Field(default=None, description="SNS topic ARN.")
    secret_arn: str | None = Field(default=None, description="Secrets Manager: the master secret.")
    aws_endpoint: str | None = Field(default=None, description="An emulator, in tests.")
    clients: Words = Field(default=(), description="Services that a function calls each time.")

    pool: str = Field(default="standard", description="Which fleet this worker belongs to.")
    models: Words = Field(default=(), description="Python modules with models of your own.")
    device: str = Field(default="", description="cpu, cuda, mps; empty: the best there is.")
    threads: int = Field(default=0, ge=0, description="Of a worker's torch; 0: torch decides.")
    visibility: float = Field(default=30.0, ge=0.2, description="Seconds a message is held.")
    heartbeat: float = Field(default=2.0, ge=0.05, description="Seconds between signs of life.")
    max_tries: int = Field(default=3, ge=1, description="Attempts before a job fails.")
    patience: float = Field(
        default=6 * 3600.0, ge=0, description="Seconds of failing services before a job fails."
    )
    drain: float = Field(default=90.0, ge=0, description="Seconds that SIGTERM leaves to work.")
    stall: float = Field(
        default=600.0, gt=0, description="Seconds without a step before a model counts as hung."
    )

    batch_latency: float = Field(
        default=4.0, gt=0, description="Seconds that a batch may take where a smaller one would do."
    )
    model_memory: int = Field(
        default=0, ge=0, description="MiB that loaded models may take together; 0: no bound."
    )
    turned: Path | None = Field(
        default=None, description="A file that a worker touches at each turn: see its Dockerfile."
    )

    agent: str = Field(default="", description="ECS's agent, which says so: ECS_AGENT_URI.")

    fleet_cluster: str = Field(default="", description="The ECS cluster of the workers.")
    fleet_spot: str = Field(default="", description="Their ECS service on spot instances.")
    fleet_on_demand: str = Field(default="", description="Their ECS service on demand.")
    fleet_floor: int = Field(default=0, ge=0, description="Workers that are always there.")
    fleet_ceiling: int = Field(default=10, ge=0, description="There are never more.")
    fleet_job_seconds: float = Field(default=5.0, gt=0, description="That a job takes a worker.")
    fleet_interactive_wait: float = Field(
        default=30.0, gt=0, description="Seconds within which jobs are to be done."
    )
    fleet_bulk_wait: float = Field(
        default=1800.0, gt=0, description="Seconds within which drops are to be done."
    )
    fleet_patience: float = Field(
        default=240.0, ge=0, description="Seconds that spot is given before on-demand is asked."
    )
    fleet_linger: float = Field(
        default=900.0, ge=0, description="Seconds that a worker stays after it was last needed."
    )

    retention_days: int = Field(default=0, ge=0, description="From the job's end; 0: kept.")
    disk_reserve: int = Field(default=256, ge=0, description="MiB that must stay free on the disk.")
    allow_networks: Networks = Field(
        default=(), description="Non-public networks that webhooks and inputs may name, for tests."
    )
    submits_per_minute: int = Field(
        default=0, ge=0, description="That one tenant may make; 0: as many as it likes."
    )
    stack: str = Field(
        default="", description="The stack, under whose name metrics are logged; empty: none are."
    )
    code_version: str = Field(default="0.1.0")
    log_level: str = Field(default="INFO")


@cache
def settings() -> Settings:
    """This process's settings, read once."""
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
    }
    given.setdefault("agent", os.environ.get(AGENT, ""))
    if isinstance(given.get("queues"), str):
        return Settings.model_validate({**given, "queues": _json(given["queues"])})
    return Settings.model_validate(given)


def _json(text: str) -> object:
    from pydantic_core import from_json

    return from_json(text)


def environment(chosen: Settings) -> dict[str, str]:
    """The environment for a subprocess that is to run under these settings."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
    return inherited | {
        PREFIX + name.upper(): _text(value)
        for name, value in chosen.model_dump(mode="json", exclude_defaults=True).items()
    }


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        from pydantic_core import to_json

        return to_json(value).decode()
    return str(value)
