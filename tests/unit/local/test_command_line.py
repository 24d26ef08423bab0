"""`python -m local keys | demo`, the logs, and how a bad start is told."""

import io
import json
import logging
import sqlite3
from pathlib import Path

import pytest

from local import demo, logs
from local.__main__ import main
from local.demo import DemoFailed, Reply
from shared.bootstrap import assemble
from shared.keys import verify
from shared.settings import Settings


def test_key_is_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(tmp_path)]
    assert main(["keys", "create", "--tenant", "studio", "--name", "phone", *data]) == 0
    secret = capsys.readouterr().out.strip()
    table = assemble(Settings(data=tmp_path)).table
    known = verify(table, secret)
    assert known
    assert known.tenant == "studio"

    main(["keys", "list", *data])
    listed = capsys.readouterr().out
    assert known.id in listed
    assert "phone" in listed
    assert secret not in listed

    assert main(["keys", "revoke", known.id, *data]) == 0
    assert verify(table, secret) is None
    main(["keys", "list", "--tenant", "studio", *data])
    assert "revoked" in capsys.readouterr().out
    main(["keys", "list", "--tenant", "nobody", *data])
    assert capsys.readouterr().out == ""


def test_unknown_key_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "revoke", "none", "--data", str(tmp_path)]) == 1
    assert "there is no key" in capsys.readouterr().err


def test_webhook_secret_is_the_tenants_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = []
    for tenant in ("a", "b", "a"):
        main(["keys", "webhook-secret", "--tenant", tenant, "--data", str(tmp_path)])
        shown.append(capsys.readouterr().out.strip())

    assert shown[0] == shown[2] != shown[1]
    assert all(secret.startswith("whsec_") for secret in shown)


def test_logs_are_json_and_tell_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    logger = logging.getLogger("test-of-logs")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        raise ValueError("a cat in the rain")
    except ValueError:
        logger.exception("failed", extra={"queue": "objects"})

    told = json.loads(stream.getvalue())

    assert told["message"] == "failed"
    assert told["queue"] == "objects"
    assert told["exception"] == "ValueError"
    assert "test_command_line" in told["at"][0]
    assert "cat" not in stream.getvalue()


def test_reasons_of_the_system_are_told() -> None:
    assert logs.describe(OSError(28, "No space left on device"))["reason"]
    assert logs.describe(sqlite3.OperationalError("disk I/O error"))["reason"] == "disk I/O error"


def test_demo_without_its_photo(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="No such file"):
        demo.paint("http://127.0.0.1:1", demo.Wish(tmp_path / "none.jpg", None, True))


def test_demo_waits_with_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    running = {"status": "running", "ended_at": None}
    answers = [
        Reply(200, {"etag": '"1"'}, json.dumps(running).encode()),
        Reply(304, {}, b""),
        Reply(200, {}, json.dumps({"status": "succeeded", "ended_at": "now"}).encode()),
    ]
    known: list[object] = []

    def call(method: str, url: str, headers: object = None) -> Reply:
        known.append(dict(headers))  # type: ignore[call-overload]
        return answers.pop(0)

    monkeypatch.setattr(demo, "call", call)

    assert demo.wait("http://x/v1/jobs/1")["status"] == "succeeded"
    assert known == [{}, {"if-none-match": '"1"'}, {"if-none-match": '"1"'}]


def test_demo_tells_why_a_job_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"status": "failed", "ended_at": "now", "error": {"code": "image_unreadable"}}
    answer = Reply(200, {}, json.dumps(failed).encode())
    monkeypatch.setattr(demo, "call", lambda *_, **__: answer)

    with pytest.raises(DemoFailed, match="image_unreadable"):
        demo.wait("http://x/v1/jobs/1")


def test_nothing_runs_there() -> None:
    assert not demo.runs("http://127.0.0.1:1")


def test_sample_is_there() -> None:
    assert demo.SAMPLE.is_file()
