"""Each end was told, under one id, and never in two ways."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from shared.records import JobRecord
from tests.chaos.evidence import Evidence
from tests.chaos.findings import Findings
from tests.chaos.webhooks import Call


def check_events(evidence: Evidence, findings: Findings) -> None:
    signer = Webhook(evidence.secret)
    bodies: dict[str, set[str]] = defaultdict(set)
    ids: dict[str, set[str]] = defaultdict(set)
    for call in evidence.calls:
        if call.signature != _signature(signer, call):
            findings.add("lost", call.event_id, "a webhook was signed wrongly")
    for event_id, event in [*_called(evidence), *evidence.told]:
        bodies[event_id].add(json.dumps(event, sort_keys=True))
        ids[event["data"]["id"]].add(event_id)
    for event_id, told in bodies.items():
        if len(told) > 1:
            findings.add("twice", event_id, f"was told in {len(told)} ways: {sorted(told)}")
    for job_id, told in ids.items():
        if len(told) > 1:
            findings.add("twice", job_id, f"its end has the event ids {sorted(told)}")
    _check_arrival(evidence, findings)
    _check_truth(evidence, findings)


def _called(evidence: Evidence) -> list[tuple[str, Any]]:
    return [(call.event_id, json.loads(call.body)) for call in evidence.calls]


def _signature(signer: Webhook, call: Call) -> str:
    """By the independent library; its own check would refuse times that a false clock gave."""
    when = datetime.fromtimestamp(int(call.timestamp), UTC)
    return signer.sign(call.event_id, when, call.body.decode())


def _check_arrival(evidence: Evidence, findings: Findings) -> None:
    published = {event["data"]["id"] for _, event in evidence.told}
    arrived = {
        json.loads(call.body)["data"]["id"] for call in evidence.calls if 200 <= call.answered < 300
    }
    for job in evidence.living:
        if not job.status.ended:
            continue
        if job.id not in published:
            findings.add("lost", job.id, "its end was never published")
        if job.webhook and job.id not in arrived:
            findings.add("lost", job.id, f"its end never arrived at {job.webhook}")
        for delivery in evidence.deliveries.get(job.id, []):
            if delivery.state == "given_up":
                findings.add("lost", job.id, f"its delivery was given up: {delivery.tries}")


def _check_truth(evidence: Evidence, findings: Findings) -> None:
    """What was told is what the record says."""
    for event_id, event in [*_called(evidence), *evidence.told]:
        job = evidence.records.get(event["data"]["id"])
        if job is None:
            findings.add("lost", event_id, "tells of a job that is gone")
        elif not job.deleted and _truth(job) != _telling(event):
            findings.add("twice", event_id, f"tells {_telling(event)}, the record {_truth(job)}")


def _truth(job: JobRecord) -> tuple[object, ...]:
    return (f"job.{job.status}", sorted((made.index, made.sha256) for made in job.artworks))


def _telling(event: dict[str, Any]) -> tuple[object, ...]:
    artworks = event["data"]["artworks"]
    return (event["type"], sorted((one["index"], one["sha256"]) for one in artworks))
