"""An upload ticket is the same ticket, however often it is asked for."""

from pathlib import Path
from typing import Any

import pytest

from functions.deletion import delete_job
from functions.sweep.due import sweep
from functions.ticket import issue
from shared.contract import Status, UploadRequest
from shared.errors import Gone
from shared.records import JobRecord, UploadRecord
from tests.unit.functions.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def request(**fields: Any) -> UploadRequest:
    return UploadRequest.model_validate({"content_type": "image/png", "size": 5, **fields})


def test_asked_for_again_it_closes_when_it_did(stage: Stage) -> None:
    """Or bytes could come after all that waits for them has gone."""
    first = issue(stage.system, "ann", request(), "key")
    stage.clock.pass_by(minutes=14)
    assert issue(stage.system, "ann", request(), "key") == first


def test_its_job_waits_as_long_as_its_url_is_open_and_no_longer(stage: Stage) -> None:
    asked = request(job={"model": "paint"})
    first = issue(stage.system, "ann", asked, "key")
    assert first.job_id
    stage.clock.pass_by(minutes=10)
    assert issue(stage.system, "ann", asked, "key").expires_at == first.expires_at
    stage.clock.now = first.expires_at
    sweep(stage.system)
    assert stage.job(first.job_id).status is Status.AWAITING_UPLOAD  # a minute for a slow upload
    stage.clock.pass_by(minutes=1)
    sweep(stage.system)
    assert stage.job(first.job_id).status is Status.EXPIRED


def test_after_the_deletion_of_its_job_it_is_gone_and_nothing_is_made_anew(stage: Stage) -> None:
    asked = request(job={"model": "paint"})
    ticket = issue(stage.system, "ann", asked, "key")
    assert ticket.job_id
    stage.clock.pass_by(hours=1)
    delete_job(stage.system, stage.job(ticket.job_id))
    with pytest.raises(Gone):
        issue(stage.system, "ann", asked, "key")
    assert stage.system.table.get(UploadRecord, ticket.id) is None


def test_a_ticket_whose_upload_is_being_removed_is_gone(stage: Stage) -> None:
    ticket = issue(stage.system, "ann", request(), "key")
    stage.system.inbox.put(f"uploads/ann/{ticket.id}", b"photo", "image/png")
    upload = stage.system.table.get(UploadRecord, ticket.id)
    assert upload
    job: JobRecord = stage.put(uploads=(upload.id,))
    stage.system.table.put(upload.model_copy(update={"jobs": (job.id,)}))
    delete_job(stage.system, job)
    with pytest.raises(Gone):
        issue(stage.system, "ann", request(), "key")
