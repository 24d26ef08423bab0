"""One machine's system: its settings, its address and the programs that it consists of."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from local.child import Program
from local.lock import FolderLock
from local.supervisor import StartFailed, Supervisor
from local.watchdog import Watchdog
from shared.settings import Settings, environment, settings

FRONT_PATIENCE = 6.0
PUMP_PATIENCE = 6.0
WORKER_SPARE = 10.0
BACKLOG = 1024
VISIBILITY = 10.0
"""Seconds. Workers here are seen to by their supervisor: a job need not wait long for another."""
DRAIN = 10.0
"""Seconds that Ctrl-C leaves to a running job: what does not fit goes on at the next start."""
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""glibc otherwise keeps memory apart for each of a process's many threads."""


class NotAllowed(Exception):
    """What was asked for would be unsafe."""


@dataclass(frozen=True)
class Options:
    """What the user chose."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    models: tuple[str, ...] = ()


def run(
    options: Options, say: Callable[[str], None], on_ready: Callable[[Supervisor, Settings], None]
) -> None:
    """Run the system until it is told to stop."""
    data = options.data.absolute()
    lock = FolderLock(data, say)
    try:
        listening = listen(options.host, options.port)
        chosen = configure(options, data, listening.getsockname()[1])
        prepare(data)
        if options.models:
            chosen = describe_models(chosen, data)
        put_right(chosen)
        programs = plan(chosen, data, options.workers, listening.fileno(), lock.descriptor)
        supervisor = Supervisor(programs, "pump", lock, Watchdog(data), say, listening)
        supervisor.run(lambda: on_ready(supervisor, chosen))
    finally:
        lock.release()


def listen(host: str, port: int) -> socket.socket:
    """The socket of the front: clients that come before the front is up wait in its backlog."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise NotAllowed(
            f"{host}:{port} cannot be used ({reason}); choose another with --port"
        ) from None
    listening.listen(BACKLOG)
    return listening


def configure(options: Options, data: Path, port: int) -> Settings:
    """The settings of every process: what the environment says, and what the user chose."""
    given = settings()
    chosen_by_user = given.model_fields_set.__contains__
    public_url = f"http://{address(options.host)}:{port}"
    if chosen_by_user("public_url"):
        public_url = given.public_url
        if urlsplit(public_url).scheme not in ("http", "https"):
            raise NotAllowed(f"ATELIER_PUBLIC_URL: {public_url!r} begins with no https://")
    alone = is_loopback(options.host) and is_loopback(urlsplit(public_url).hostname or "")
    chosen = given.model_copy(
        update={
            "data": data,
            "public_url": public_url.rstrip("/"),
            "keys_required": not alone,
            "models": options.models or given.models,
            "visibility": given.visibility if chosen_by_user("visibility") else VISIBILITY,
            "drain": given.drain if chosen_by_user("drain") else DRAIN,
            "threads": given.threads or max(1, (os.cpu_count() or 1) // max(1, options.workers)),
        }
    )
    if not alone and not has_keys(chosen):
        raise NotAllowed(
            f"{public_url} can be reached by others, and there is no API key yet: "
            f"make one first with `python -m local keys create --data {options.data}`"
        )
    return chosen


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def address(host: str) -> str:
    """What clients call an address that we listen on."""
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return _own_address()
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    """The address by which this machine reaches others, and they it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


def has_keys(chosen: Settings) -> bool:
    """Whether anybody could be let in."""
    from shared.bootstrap import assemble
    from shared.keys import list_keys

    return any(key.revoked_at is None for key in list_keys(assemble(chosen).table))


def prepare(data: Path) -> None:
    """The folders that people look for."""
    for folder in (data / "logs", data / "drops" / "local"):
        folder.mkdir(parents=True, exist_ok=True)


def put_right(chosen: Settings) -> None:
    """Whatever the last system's end has left in disorder."""
    from local.reconcile import reconcile
    from shared.bootstrap import assemble

    reconcile(assemble(chosen))


def describe_models(chosen: Settings, data: Path) -> Settings:
    """The catalogue with the user's own models: the worker knows it."""
    command = (sys.executable, "-m", "gpu_worker", "models", "--json")
    told = subprocess.run(  # noqa: S603
        command, env=environment(chosen), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if told.returncode:
        reason = told.stderr.decode(errors="replace").strip()
        raise StartFailed(f"the models {', '.join(chosen.models)} cannot be used:\n{reason}")
    catalogue = data / "catalogue.json"
    fresh = catalogue.with_suffix(".new")
    fresh.write_bytes(told.stdout)
    fresh.replace(catalogue)
    return chosen.model_copy(update={"catalogue": catalogue})


def plan(chosen: Settings, data: Path, workers: int, listening: int, lock: int) -> list[Program]:
    """The front, the pump and the workers."""

    def program(name: str, patience: float, *module: str, keeps: tuple[int, ...] = ()) -> Program:
        infrastructure = name in ("front", "pump")
        return Program(
            name=name,
            command=(sys.executable, "-m", *module),
            environment=environment(chosen) | (FEW_ARENAS if infrastructure else {}),
            log=data / "logs" / f"{name}.log",
            tells_ready=infrastructure,
            patience=patience,
            keeps=(lock, *keeps),
        )

    return [
        program("front", FRONT_PATIENCE, "local.front", str(listening), keeps=(listening,)),
        program("pump", PUMP_PATIENCE, "local.pump"),
        *(
            program(f"worker-{number}", chosen.drain + WORKER_SPARE, "gpu_worker", "run")
            for number in range(1, workers + 1)
        ),
    ]
