"""Peers as sides of the throughput benchmark: started, driven, ended."""

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.peers.installed import KINDS, MODULE, ROOT, programs, redis_server
from tests.bench.processes import Processes

STOP_SECONDS = 10

Process = subprocess.Popen[str]


class Peer:
    """A peer's servers, and the client that drives them."""

    def __init__(self, name: str, servers: Sequence[Process], client: Process) -> None:
        self.name, self._client = name, client
        self._servers = [Processes(server.pid) for server in servers]

    def burst(self, count: int, first_seed: int) -> float:
        assert self._client.stdin
        assert self._client.stdout
        print(count, first_seed, file=self._client.stdin, flush=True)
        return float(self._client.stdout.readline())

    def cpu(self) -> float:
        return sum(server.cpu() for server in self._servers)

    def client(self) -> float:
        return Processes(self._client.pid).cpu()

    @contextmanager
    def still(self) -> Iterator[None]:
        with ExitStack() as stack:
            for server in self._servers:
                stack.enter_context(server.still())
            yield


@contextmanager
def peer(name: str, folder: Path) -> Iterator[Peer]:
    """The peer of that name, running; its pictures and its log in a folder of its own."""
    kind, found, home, port = KINDS[name], programs(name), folder / name, _free_port()
    home.mkdir()
    redis = f"redis://127.0.0.1:{port}/0"
    program, *arguments = (part.format(redis=redis) for part in kind.server)
    with ExitStack() as stack, (home / "log").open("wb") as log:
        run = _Runner(stack, log.fileno(), _environment(home, port, redis))
        servers = [run.server(*_redis(port, home))] if kind.redis else []
        servers.append(run.server(str(found / program), *arguments))
        yield Peer(name, servers, run.client(str(found / "python"), "-m", MODULE + name))


class _Runner:
    """Starts processes that end with the stack."""

    def __init__(self, stack: ExitStack, log: int, environment: dict[str, str]) -> None:
        self._stack, self._log, self._environment = stack, log, environment

    def server(self, *command: str) -> Process:
        return self._start(command, subprocess.DEVNULL, self._log)

    def client(self, *command: str) -> Process:
        return self._start(command, subprocess.PIPE, subprocess.PIPE)

    def _start(self, command: Sequence[str], stdin: int, stdout: int) -> Process:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self._environment,
            stdin=stdin,
            stdout=stdout,
            stderr=self._log,
            text=True,
        )
        self._stack.callback(_end, started)
        return started


def _environment(home: Path, port: int, redis: str) -> dict[str, str]:
    own = {"PEER_FOLDER": str(home), "PEER_PORT": str(port), "PEER_REDIS": redis}
    return {**os.environ, **own, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _redis(port: int, home: Path) -> Sequence[str]:
    address = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(home))
    return (redis_server(), *address, "--save", "", "--appendonly", "no")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: Process) -> None:
    """Ask it, and what it has started, to end; then make it."""
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    Processes(process.pid).end(STOP_SECONDS)
    process.wait()
