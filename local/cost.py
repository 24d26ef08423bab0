"""What a month on AWS costs: `python -m local cost --jobs N --model M`"""

import argparse
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby

from local.bill import Bill, Month, bill, known

CENT = Decimal("0.01")


def told(month: Month, made: Bill, why: bool) -> Iterable[str]:
    """For a person: each part, dearest first, and its lines."""
    prices = made.prices
    yield f"A month in {prices.region}, prices of {prices.date}: {month.jobs:,} jobs"
    parts = groupby(sorted(made.lines, key=lambda line: line.part), lambda line: line.part)
    sums = {part: Bill(list(lines), prices) for part, lines in parts}
    for part, own in sorted(sums.items(), key=lambda item: -item[1].total):
        yield f"\n{part:<72}{money(own.total):>12}"
        for line in own.lines:
            price = prices.prices[line.price]
            unit = price.unit.partition(",")[0].partition(" (")[0]
            yield f"  {line.what:<26}{line.amount:>16,.2f}  {unit:<28}{money(own.cost(line)):>12}"
            if why:
                yield f"      ${price.price} a {price.unit}: {price.source}\n      {line.because}"
    yield f"\n{'at list prices':<72}{money(made.total):>12}"
    allowed = money(made.total - made.allowed)
    yield f"{'with the allowances that an account has':<72}{allowed:>12}"
    if month.jobs:
        each = made.total / month.jobs * 1000
        yield f"{'a thousand jobs':<72}{money(each):>12}"


def money(amount: Decimal) -> str:
    return f"${amount.quantize(CENT):,}"


def run(chosen: argparse.Namespace) -> None:
    """Print the month."""
    usage, prices = known()
    month = Month(
        jobs=chosen.jobs,
        model=chosen.model,
        seconds=chosen.seconds,
        busy=chosen.busy,
        spot=chosen.spot,
        private=chosen.private,
        customer_key=chosen.customer_key,
    )
    for line in told(month, bill(month, usage, prices), chosen.why):
        print(line)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=count, default=0, help="in a month; none: what idle costs")
    parser.add_argument("--model", default="paint", help="of these, one artwork each")
    parser.add_argument("--seconds", type=amount, help="of the device that a job takes")
    parser.add_argument("--busy", type=share, default=Month.busy, help="share of the paid time")
    parser.add_argument("--spot", type=share, default=Month.spot, help="share of the instances")
    parser.add_argument("--private", action="store_true", help="workers reach no Internet")
    parser.add_argument("--customer-key", action="store_true", help="a KMS key of your own")
    parser.add_argument("--why", action="store_true", help="each price's and amount's source")


def count(text: str) -> int:
    if (jobs := int(text)) < 0:
        raise argparse.ArgumentTypeError("0 or more")
    return jobs


def amount(text: str) -> Decimal:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError("more than 0")
    return Decimal(text)


def share(text: str) -> Decimal:
    if (value := amount(text)) > 1:
        raise argparse.ArgumentTypeError("1 at most")
    return value
