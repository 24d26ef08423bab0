"""The peers' environments: made at first use, whole or not at all."""

import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLACE = ROOT / ".cache" / "peers"
MODULE = "tests.bench.peers.on_"
LITSERVE = "tests.bench.peers.litserve_server"


@dataclass(frozen=True)
class Kind:
    """One peer."""

    packages: tuple[str, ...]
    server: tuple[str, ...]
    """A program of its environment, and the arguments."""
    redis: bool = True


KINDS = {
    "celery": Kind(
        ("celery==5.7.0", "redis==8.1.0"),
        ("celery", "-A", f"{MODULE}celery", "worker", "-c", "1", "-l", "warning"),
    ),
    "dramatiq": Kind(
        ("dramatiq==2.2.1", "redis==8.1.0"),
        ("dramatiq", f"{MODULE}dramatiq", "--processes", "1", "--threads", "1"),
    ),
    "litserve": Kind(("litserve==0.2.19",), ("python", "-m", LITSERVE), redis=False),
    "rq": Kind(
        ("rq==3.0.0", "redis==8.1.0"),
        ("rq", "worker", "-u", "{redis}", "-w", "rq.SimpleWorker", "-q"),
    ),
}
NAMES = tuple(KINDS)


def programs(name: str) -> Path:
    """The folder of the programs in that peer's environment, which finds torch in ours."""
    venv = PLACE / name
    marker, packages = venv / ".installed", KINDS[name].packages
    if not marker.exists() or marker.read_text() != " ".join(packages):
        python = venv / "bin" / "python"
        pip = ("-m", "pip", "--disable-pip-version-check", "install", "-qq")
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([python, *pip, *packages], check=True)
        ours = sysconfig.get_path("purelib")
        (_packages(venv) / "ours.pth").write_text(ours + "\n")
        marker.write_text(" ".join(packages))
    return venv / "bin"


def redis_server() -> str:
    """Debian's, in the package of the same name."""
    found = shutil.which("redis-server")
    if not found:
        raise FileNotFoundError("redis-server is not there: apt-get install redis-server")
    return found


def _packages(venv: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
