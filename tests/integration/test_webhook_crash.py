"""A webhook is sent at least once, though its sender is killed before it could write that down."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from functions.announcing import announce
from functions.delivery import deliver
from shared.message import DeliveryMessage
from tests.receiver import receiving
from tests.unit.functions.stage import Stage

ROOT = Path(__file__).parents[2]
SENDER = """
import sys
from pathlib import Path
from functions.delivery import deliver
from shared.bootstrap import assemble
from shared.message import DeliveryMessage
from shared.settings import Settings
system = assemble(Settings(data=Path(sys.argv[1]), allow_networks="127.0.0.1/32"))
(letter,) = system.queue("deliveries").receive(1, 0.2)
deliver(system, DeliveryMessage.model_validate_json(letter.body))
system.queue("deliveries").delete(letter)
"""


def test_a_sender_that_is_killed_after_the_call_sends_the_same_again(tmp_path: Path) -> None:
    stage = Stage.at(tmp_path)
    sender: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        os.kill(sender[0].pid, signal.SIGKILL)
        sender[0].wait()

    with receiving(before=kill) as receiver:
        job = announce(stage.system, stage.succeeded(webhook=receiver.url()))
        command = [sys.executable, "-c", SENDER, str(stage.system.settings.data)]
        sender.append(subprocess.Popen(command, cwd=ROOT))
        assert sender[0].wait(60) == -signal.SIGKILL
        assert stage.delivery(job.id).tries == ()
        receiver.before = None
        (letter,) = stage.system.queue("deliveries").receive(1, 60, wait=20)
        deliver(stage.system, DeliveryMessage.model_validate_json(letter.body))
    first, second = receiver.requests
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    delivery = stage.delivery(job.id)
    assert (delivery.state, len(delivery.tries)) == ("delivered", 1)
