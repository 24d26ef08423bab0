"""A function as Lambda runs it: AWS's own runtime client, in a process with the built artifact and
the layer on its path, asks for one event after the other.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from tests.artifacts import LAYER, Built
from tests.receiver import Reply, Request, serving
from tests.sam import ROOT

CLIENT = ("awslambdaric==4.2.2", "simplejson==4.3.0", "snapshot-restore-py==1.0.0")
BOOTSTRAP = """
import sys
sys.path[:0] = sys.argv[2:]
from awslambdaric.__main__ import main
main(sys.argv)
"""
NEXT = "/2018-06-01/runtime/invocation/next"
PATIENCE_SECONDS = 120.0


class Failed(Exception):
    """The function raised something, or its process ended."""


class Function:
    """One environment of a function, started when it is first needed."""

    def __init__(
        self,
        name: str,
        built: Built,
        function: Mapping[str, Any],
        given: Mapping[str, str],
        log: Path,
    ) -> None:
        self.name, self._handler, self._log = name, str(function["Handler"]), log
        self._path = (built.folder / name, built.folder / LAYER / "python", client(built.python))
        self._python, self._given = built.python, {**given, **_of_lambda(name, function)}
        self._events: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        self._answers: dict[str, Future[Any]] = {}
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def __call__(self, event: Any, context: Any = None) -> Any:
        """What it answers to the event."""
        with self._starting:
            self._process = self._process or self._started()
        request_id, answer = str(uuid4()), Future[Any]()
        self._answers[request_id] = answer
        self._events.put((request_id, json.dumps(event, default=datetime.timestamp).encode()))
        return answer.result(PATIENCE_SECONDS)

    def stop(self) -> None:
        self._events.put(("", b""))
        self._running.close()

    def take(self, request: Request) -> Reply | None:
        """The runtime's API."""
        if request.path == NEXT:
            return self._next()
        request_id, _, said = request.path.rpartition("/")
        answer = self._answers.pop(request_id.rpartition("/")[2], Future())
        told = json.loads(request.body or b"null")
        if said == "response":
            answer.set_result(told)
        else:
            answer.set_exception(Failed(f"{self.name}: {told}"))
        return Reply(202)

    def _next(self) -> Reply | None:
        request_id, event = self._events.get()
        deadline = str(int((time.time() + PATIENCE_SECONDS) * 1000))
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": deadline,
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:::function:{self.name}",
            "Content-Type": "application/json",
        }
        return Reply(200, event, headers) if request_id else None

    def _started(self) -> subprocess.Popen[bytes]:
        port = self._running.enter_context(serving(self.take))
        process = subprocess.Popen(
            [self._python, "-I", "-S", "-B", "-c", BOOTSTRAP, self._handler, *self._path],
            cwd=self._path[0],
            env={**self._given, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"},
            stdout=self._running.enter_context(self._log.open("ab")),
            stderr=subprocess.STDOUT,
        )
        self._running.callback(process.wait)
        self._running.callback(process.kill)
        return process


def _of_lambda(name: str, function: Mapping[str, Any]) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_FORMAT": function.get("LoggingConfig", {}).get("LogFormat", "Text"),
        "_HANDLER": function["Handler"],
    }


def client(python: Path) -> Path:
    """Where AWS's runtime client is: installed for that Python at first use, or not at all."""
    version = subprocess.check_output([python, "-c", "import sys; print(sys.version_info[:2])"])
    digits = "".join(filter(str.isdigit, version.decode()))
    folder = ROOT / ".cache" / f"lambda-{digits}"
    marker = folder / f".installed-{'-'.join(CLIENT)}"
    if not marker.exists():
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "--target", str(folder), *CLIENT], check=True)
        marker.touch()
    return folder
