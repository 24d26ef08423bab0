"""The whole system in the cloud, as far as an emulator is one, and what a test does with it."""

import base64
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from local.envelopes import schedule_event
from shared.aws.clients import Clients
from shared.keys import create_key
from shared.ports import Queue
from shared.records import JobRecord
from shared.system import System
from tests.e2e.cloud.runtime_api import Function
from tests.e2e.cloud.sources import StreamSource
from tests.e2e.cloud.stack import Stack
from tests.machine import Client

TOLD = "told"
"""The queue that listens to the topic."""
ISSUER = "https://login.example"


@dataclass
class Caller(Client):
    """One tenant's client."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Deployment:
    """What was deployed, and the test's own view of it."""

    stack: Stack
    system: System
    """With the rights of the account's owner."""
    functions: dict[str, Function]
    logs: Path
    beside: dict[str, str]
    """Variables of every process that are the test's, not the template's."""
    urls: dict[str, str] = field(default_factory=dict)
    stream: StreamSource = field(init=False)
    trust: ssl.SSLContext = field(init=False)
    """For who uses signed URLs."""
    heard: list[dict[str, Any]] = field(default_factory=list)

    @property
    def clients(self) -> Clients:
        return self.stack.clients

    def caller(self, tenant: str) -> Caller:
        """Somebody with an API key."""
        _, key = create_key(self.system.table, tenant, "e2e", self.system.now())
        return Caller(self.urls["keys"], {"authorization": f"Bearer {key}"})

    def bearer(self, **claims: str) -> Caller:
        """Somebody with a token of the issuer."""
        parts = ({"alg": "none"}, {"iss": ISSUER, **claims})
        texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
        return Caller(self.urls["jwt"], {"authorization": f"Bearer {'.'.join(texts)}.unsigned"})

    def upload(self, ticket: Mapping[str, Any], data: bytes) -> None:
        """Send the bytes where a ticket says."""
        how = {"headers": ticket["headers"], "verify": self.trust}
        httpx.put(ticket["url"], content=data, **how).raise_for_status()

    def download(self, caller: Caller, artwork: str) -> bytes:
        """The bytes that an artwork's lasting link leads to."""
        where = caller.call("GET", f"/v1/artworks/{artwork}").headers["location"]
        return httpx.get(where, verify=self.trust).raise_for_status().content

    def sweep(self) -> Any:
        """A minute is over."""
        rules = self.stack.resources("AWS::Events::Rule").items()
        (rule,) = (name for name, one in rules if "SweepFunction" in json.dumps(one["Targets"]))
        return self.functions["SweepFunction"](schedule_event(rule, self.system.now()))

    def age(self, job_id: str) -> None:
        """The job has waited for so long that somebody looks after it."""
        job = self.record(job_id)
        late = self.system.now() - timedelta(seconds=1)
        self.system.table.put(job.model_copy(update={"wake_at": late}))

    def record(self, job_id: str) -> JobRecord:
        """The job, as the table holds it."""
        job = self.system.table.get(JobRecord, job_id)
        assert job is not None
        return job

    def told(self, job_id: str) -> list[dict[str, Any]]:
        """What the topic has told of a job."""
        self.heard += [json.loads(body) for body in taken(self.system.queue(TOLD))]
        return [one["event"] for one in self.heard if one["event"]["data"]["id"] == job_id]

    def attributes(self, queue: str) -> dict[str, str]:
        """What SQS says of a queue."""
        url = self.system.settings.queues[queue]
        asked = {"QueueUrl": url, "AttributeNames": ["All"]}
        return dict(self.clients.call("sqs", "get_queue_attributes", **asked)["Attributes"])

    def waiting(self, queue: str) -> int:
        """How many messages wait there."""
        return int(self.attributes(queue)["ApproximateNumberOfMessages"])

    def log(self, process: str) -> str:
        """What a process has said."""
        return (self.logs / f"{process}.log").read_text()

    def logged(self, job_id: str) -> dict[str, list[dict[str, Any]]]:
        """The records of all logs that carry the job's id, by process."""
        records = {log.stem: records_of(log) for log in sorted(self.logs.glob("*.log"))}
        return {
            name: found
            for name, told in records.items()
            if (found := [one for one in told if one.get("job_id") == job_id])
        }


def taken(queue: Queue) -> Iterator[str]:
    """What all messages of a queue say; they are gone then."""
    while letters := queue.receive(10, 60):
        for letter in letters:
            queue.delete(letter)
            yield letter.body


def records_of(log: Path) -> list[dict[str, Any]]:
    """The structured lines of a log. The last one may not be whole yet."""
    lines = log.read_text().rpartition("\n")[0].splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]
