"""A month's bill of AWS.

Prices are in `prices.json`, each with its unit and its source; what a job and an idle month use is
in `usage.json`, each with its reason. Amounts are added up unrounded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel

from shared.errors import InvalidRequest

HERE = Path(__file__).parent
MONTH_HOURS = Decimal(730)
HOUR_SECONDS, GB_MB = Decimal(3600), Decimal(1000)
THUMBNAIL_MB = Decimal("0.03")
DISK_GB = Decimal(60)
"""Of each instance, as in gpu_worker/fleet.yaml."""
ENDPOINTS = Decimal(7 * 2)
"""Interface endpoints in two zones, where workers reach no Internet."""
KIB = Decimal(1024)


class Price(BaseModel):
    """Of one unit; the first `free` of a month cost an account nothing, for ever."""

    price: Decimal
    unit: str
    free: Decimal
    page: str
    source: str


class Prices(BaseModel):
    region: str
    date: date
    currency: str
    prices: dict[str, Price]


class Use(BaseModel):
    """So much of what has this price."""

    part: str
    what: str
    price: str
    quantity: Decimal
    because: str
    memory_mb: Decimal | None = None
    """Of a function: then the quantity is seconds."""

    @property
    def amount(self) -> Decimal:
        """In the price's unit."""
        return self.quantity if self.memory_mb is None else self.quantity * self.memory_mb / KIB


class ModelUse(BaseModel):
    """Of one artwork: seconds of the device, megabytes that come and go."""

    seconds: Decimal
    input_mb: Decimal
    output_mb: Decimal
    because: str


class Usage(BaseModel):
    models: dict[str, ModelUse]
    job: list[Use]
    """Of each."""
    idle: list[Use]
    """Of a month in which nobody draws."""
    drawing: list[Use]
    """Of a month in which somebody does, besides."""


@dataclass(frozen=True)
class Month:
    """What is asked for."""

    jobs: int
    model: str
    seconds: Decimal | None = None
    """Of the device a job, if not what is assumed of the model."""
    busy: Decimal = Decimal("0.54")
    """The share of the paid time in which devices make something: tests/bench/README.md."""
    spot: Decimal = Decimal("0.95")
    """The share of the instances' hours."""
    private: bool = False
    customer_key: bool = False


@dataclass(frozen=True)
class Bill:
    """Its lines, at list prices, and what the account's allowances take off."""

    lines: Sequence[Use]
    prices: Prices

    def cost(self, use: Use) -> Decimal:
        return use.amount * self.prices.prices[use.price].price

    @property
    def total(self) -> Decimal:
        return sum(map(self.cost, self.lines), Decimal(0))

    @property
    def allowed(self) -> Decimal:
        """What is free of it."""
        used: dict[str, Decimal] = {}
        for line in self.lines:
            used[line.price] = used.get(line.price, Decimal(0)) + line.amount
        prices = self.prices.prices
        return sum(
            (min(much, prices[name].free) * prices[name].price for name, much in used.items()),
            Decimal(0),
        )


def bill(month: Month, usage: Usage, prices: Prices) -> Bill:
    """A month with so many jobs. None at all: what idle costs."""
    lines = [*usage.idle, *_optional(month)]
    if month.jobs:
        lines += usage.drawing
        lines += (times(use, month.jobs) for use in usage.job)
        lines += (times(use, month.jobs) for use in _made(month, _model(month, usage)))
    return Bill(lines, prices)


def times(use: Use, jobs: int) -> Use:
    return use.model_copy(update={"quantity": use.quantity * jobs})


def _model(month: Month, usage: Usage) -> ModelUse:
    known = usage.models.get(month.model)
    if known is None:
        names = ", ".join(sorted(usage.models))
        raise InvalidRequest(f"nothing is known of the model {month.model}; of these: {names}")
    return known if month.seconds is None else known.model_copy(update={"seconds": month.seconds})


def _made(month: Month, model: ModelUse) -> Iterable[Use]:
    """Of one job with one artwork: its bytes, and its share of the instances' hours."""
    bytes_because, stored = model.because, model.input_mb + model.output_mb + THUMBNAIL_MB
    yield _use("S3", "stored for a month", "s3_gb", stored / GB_MB, bytes_because)
    sent = model.output_mb + THUMBNAIL_MB
    yield _use("S3", "fetched, once", "egress_gb", sent / GB_MB, bytes_because)
    hours = model.seconds / month.busy / HOUR_SECONDS
    for name, share in (("spot", month.spot), ("on_demand", 1 - month.spot)):
        told = f"{model.seconds} s of the device a job, busy {month.busy:.0%}: {model.because}"
        yield _use("GPU", name.replace("_", " "), f"gpu_{name}_hour", hours * share, told)
    disk = hours * DISK_GB / MONTH_HOURS
    yield _use("GPU", "disk", "ebs_gb", disk, f"{DISK_GB} GB an instance")
    if not month.private:
        yield _use("GPU", "address", "address_hour", hours, "one an instance")


def _optional(month: Month) -> Iterable[Use]:
    if month.private:
        hours = ENDPOINTS * MONTH_HOURS
        yield _use("VPC", "interface endpoints", "endpoint_hour", hours, "seven, in two zones")
    if month.customer_key:
        yield _use("KMS", "key", "kms_key", Decimal(1), "CustomerKey=yes")


def _use(part: str, what: str, price: str, quantity: Decimal, because: str) -> Use:
    return Use(part=part, what=what, price=price, quantity=quantity, because=because)


def known() -> tuple[Usage, Prices]:
    """What the files say."""
    return (
        Usage.model_validate_json((HERE / "usage.json").read_bytes()),
        Prices.model_validate_json((HERE / "prices.json").read_bytes()),
    )
