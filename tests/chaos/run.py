"""One run: start, attack, set right, wait, judge."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.attacks import Attack, usual
from tests.chaos.attacks import plan as plan_attacks
from tests.chaos.caller import Caller
from tests.chaos.checks import judge
from tests.chaos.clients import Clients
from tests.chaos.dropping import lay_batches
from tests.chaos.evidence import Evidence, gather
from tests.chaos.faults.control import Faults
from tests.chaos.faults.mutants import MUTANTS
from tests.chaos.gate import Gate
from tests.chaos.ledger import Ledger
from tests.chaos.nemesis import Nemesis
from tests.chaos.options import Options
from tests.chaos.scenes import SCENES
from tests.chaos.settling import Settling
from tests.chaos.stage import Stage
from tests.chaos.summary import Summary, summarise
from tests.chaos.webhooks import Receiver, receiving
from tests.chaos.workload import Order
from tests.chaos.workload import plan as plan_jobs

DISK_MEBIBYTES, DISK_KIBIBYTES_A_JOB = 160, 64
STALLED_SECONDS = 180.0
"""Without one more job accepted: the system does not come back."""


@dataclass(frozen=True)
class Aftermath:
    """A system that was attacked, set right and left to itself until it was quiet."""

    stage: Stage
    ledger: Ledger
    caller: Caller
    receiver: Receiver
    attacks: Nemesis
    left: list[str]

    def evidence(self) -> Evidence:
        """Look at everything, as it now is."""
        found = gather(self.stage, self.ledger, self.caller, self.receiver, self.left)
        found.deaths += self.attacks.deaths
        return found


def run(options: Options) -> Summary:
    """Attack a system of one's own, and judge it."""
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="atelier-chaos-"))
    with aftermath(options, folder) as after:
        evidence = after.evidence()
        findings = judge(evidence)
        seconds = time.monotonic() - begun
        summary = summarise(
            options, after.attacks.counts, after.ledger, evidence, findings, seconds
        )
        if findings:
            print(f"kept for diagnosis: {after.stage.keep()}", file=sys.stderr)
    if not findings:
        shutil.rmtree(folder, ignore_errors=True)
    return summary


@contextmanager
def aftermath(options: Options, folder: Path) -> Iterator[Aftermath]:
    """What is left of a system after the attacks; it runs until the block ends."""
    if options.mutant:
        MUTANTS[options.mutant]()  # the suite sweeps, too
    stage = build(options, folder)
    try:
        stage.start()
        with receiving() as receiver:
            yield _attack(options, stage, receiver)
    finally:
        stage.stop()


def build(options: Options, folder: Path) -> Stage:
    """The stage that was asked for."""
    faults = Faults(folder / "faults", options.seed, options.mutant)
    if options.adapters == "aws":
        from tests.chaos.cloud.stage import Cloud

        return Cloud(folder, faults, options.workers, options.tries, options.visibility)
    from tests.chaos.local import Local

    mebibytes = DISK_MEBIBYTES + options.jobs * DISK_KIBIBYTES_A_JOB // 1024
    return Local(folder, faults, options.workers, mebibytes, options.tries, options.visibility)


def _attack(options: Options, stage: Stage, receiver: Receiver) -> Aftermath:
    orders, attacks = plan(options, stage.drops is not None)
    ledger = Ledger(orders)
    rate = (options.share, *options.only)
    nemesis = Nemesis(stage, attacks, lambda: ledger.accepted, rate, options.seed)
    gate = Gate(stage, nemesis, options.jobs)
    caller = Caller(stage.url, stage.headers, ledger, options.seed)
    clients = Clients(caller, ledger, receiver.url, stage.drops, gate.open, options.seed)
    if stage.drops:
        lay_batches(stage.drops, receiver.url)
    nemesis.start()
    clients.start()
    _wait_for_submissions(ledger, clients)
    nemesis.finish()
    left = Settling(stage, ledger, clients, options.patience).settle()
    clients.stop()
    left += [*clients.errors, *filter(None, [nemesis.error])]
    looking = Caller(stage.url, stage.headers, ledger, options.seed)
    return Aftermath(stage, ledger, looking, receiver, nemesis, left)


def plan(options: Options, drops: bool) -> tuple[list[Order], list[Attack]]:
    """What the clients ask for, and what is done to the system."""
    if options.scene:
        return SCENES[options.scene].plan()
    often = usual(options.jobs) if options.attacks is None else options.attacks
    attacks = plan_attacks(options.jobs, options.seed, often)
    return plan_jobs(options.jobs, options.seed, drops), attacks


def _wait_for_submissions(ledger: Ledger, clients: Clients) -> None:
    accepted, changed, told = 0, time.monotonic(), 0
    while clients.submitting and time.monotonic() - changed < STALLED_SECONDS:
        time.sleep(0.2)
        if ledger.accepted != accepted:
            accepted, changed = ledger.accepted, time.monotonic()
        if accepted - told >= 1000:
            told = accepted
            print(f"{accepted} jobs accepted", file=sys.stderr, flush=True)
