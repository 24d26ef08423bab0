"""`python -m gpu_worker.decoder`: the nursery. Its standard input is the socket to its worker.

It runs one thread and reads no picture, so it may fork at any time. When its worker is gone,
however that came, it reads the end of the socket and ends; its decoders end with it.
"""

import gc
import os
import signal
import socket
from contextlib import suppress

from gpu_worker.decoder.answer import answer_all
from gpu_worker.decoder.confine import confine
from gpu_worker.decoder.wire import ERRAND


def main() -> None:
    """Run errands until the worker is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a worker that drains still needs its decoders
    gc.freeze()  # or the first collection in each decoder would copy what they share
    worker = socket.socket(fileno=0)
    while True:
        errand, sockets, _, _ = socket.recv_fds(worker, ERRAND.size, 1, socket.MSG_WAITALL)
        if not errand:
            return
        (pid,) = ERRAND.unpack(errand)
        worker.sendall(ERRAND.pack(_bury(pid) if pid else _fork(worker, sockets[0])))


def _fork(worker: socket.socket, descriptor: int) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(descriptor)
        return child
    try:
        worker.close()
        confine(parent)
        _silence()
        with suppress(ConnectionError):
            answer_all(socket.socket(fileno=descriptor))
    finally:
        os._exit(0)


def _bury(child: int) -> int:
    """How the child ended; it is killed first where it has not."""
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _silence() -> None:
    """Codecs write into the standard error, which is the worker's log."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    main()
