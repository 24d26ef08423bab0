"""`python -m local cost`: what it adds up, and what it knows of the template."""

from decimal import Decimal

import pytest

from local.__main__ import main
from local.bill import Bill, Month, Use, bill, known, times
from shared.errors import InvalidRequest
from tests.cloudformation import FLEET, resources

USAGE, PRICES = known()
EVERYTHING = [*USAGE.job, *USAGE.idle, *USAGE.drawing]
IDLE_TARGET = Decimal(5)


def month(jobs: int, **options: object) -> Bill:
    return bill(Month(jobs, "paint", **options), USAGE, PRICES)  # type: ignore[arg-type]


def test_every_price_says_of_what_it_is_and_where_it_comes_from() -> None:
    for price in PRICES.prices.values():
        assert price.unit
        assert price.source
        assert price.page.startswith("https://aws.amazon.com/")
    everything = [*month(1, private=True, customer_key=True).lines, *month(1).lines]
    assert {use.price for use in everything} == PRICES.prices.keys()


def test_the_parts_add_up() -> None:
    made = month(1000)
    by_part = [
        Bill([line for line in made.lines if line.part == part], PRICES).total
        for part in {line.part for line in made.lines}
    ]
    assert abs(sum(by_part) - made.total) < Decimal("1e-12")
    line = Use(
        part="Lambda",
        what="look",
        price="lambda_gb_second",
        quantity=Decimal(6),
        memory_mb=Decimal(512),
        because="",
    )
    assert Bill([line], PRICES).total == 3 * PRICES.prices["lambda_gb_second"].price


def test_a_million_jobs_cost_a_million_times_what_one_costs() -> None:
    drawing = Bill(USAGE.drawing, PRICES).total + month(0).total
    one, million = month(1).total - drawing, month(1_000_000).total - drawing
    assert one > 0
    assert abs(million - 1_000_000 * one) < Decimal("0.001")


def test_idle_is_under_its_target() -> None:
    idle = month(0)
    assert idle.total - idle.allowed < IDLE_TARGET
    assert not any(line.part == "GPU" for line in idle.lines)


def test_allowances_take_off_no_more_than_was_used() -> None:
    free = PRICES.prices["sqs_request"]
    use = USAGE.job[0].model_copy(update={"price": "sqs_request", "quantity": Decimal(10)})
    assert Bill([use], PRICES).allowed == 10 * free.price
    assert Bill([times(use, 1_000_000)], PRICES).allowed == free.free * free.price


def test_busier_devices_and_more_spot_cost_less() -> None:
    usual = month(1_000_000).total
    assert month(1_000_000, busy=Decimal("0.9")).total < usual
    assert month(1_000_000, spot=Decimal("0.1")).total > usual
    assert month(1_000_000, seconds=Decimal(60)).total > usual


def test_an_unknown_model_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidRequest):
        bill(Month(1, "nobody"), USAGE, PRICES)
    assert main(["cost", "--jobs", "10", "--model", "nobody"]) == 1
    assert "of these: paint, upscale" in capsys.readouterr().err


def test_it_says_each_part_and_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--jobs", "1000", "--model", "upscale", "--why"]) == 0
    said = capsys.readouterr().out
    for part in {line.part for line in month(1000).lines}:
        assert f"\n{part} " in said
    assert "at list prices" in said
    assert "a thousand jobs" in said


def test_what_idles_is_what_the_template_declares() -> None:
    idle = {use.what: int(use.quantity) for use in USAGE.idle}
    assert idle["alarms"] == sum(map(watched, resources("AWS::CloudWatch::Alarm").values()))
    assert idle["dashboard"] == len(resources("AWS::CloudWatch::Dashboard"))
    assert idle["the master secret"] == len(resources("AWS::SecretsManager::Secret"))
    events = [
        event
        for function in resources("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
    ]
    scheduled = sum(event["Type"] == "Schedule" for event in events)
    assert idle["schedules"] == scheduled * 60 * 24 * 30
    polled = sum(event["Type"] == "SQS" for event in events)
    assert idle[f"pollers of {('no', 'one', 'two', 'three')[polled]} queues"]


def test_the_functions_have_that_much_memory() -> None:
    functions = resources("AWS::Serverless::Function")
    priced = {use.what: use.memory_mb for use in EVERYTHING if use.memory_mb}
    told = {name: functions[f"{name.title()}Function"].get("MemorySize", 512) for name in priced}
    assert priced == told


def test_private_workers_pay_for_every_endpoint() -> None:
    kinds = [one["VpcEndpointType"] for one in resources("AWS::EC2::VPCEndpoint", FLEET).values()]
    (paid,) = [line for line in month(0, private=True).lines if line.part == "VPC"]
    assert paid.amount == kinds.count("Interface") * 2 * 730
    assert "address_hour" not in {line.price for line in month(1, private=True).lines}


def watched(alarm: dict[str, object]) -> int:
    """Metrics that an alarm looks at: each is paid for."""
    metrics = alarm.get("Metrics", [{"MetricStat": {}}])
    assert isinstance(metrics, list)
    return sum("Expression" not in metric for metric in metrics)
