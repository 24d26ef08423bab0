"""The worker's end of the process that forks decoders."""

import os
import socket
import subprocess
import sys
from signal import SIGKILL
from threading import Lock

from gpu_worker.decoder.wire import ERRAND
from gpu_worker.decoding.decoder import Decoder
from shared.errors import Unavailable

START_SECONDS = 60.0
"""A busy machine may take long to import Pillow."""
END_SECONDS = 5.0


class Nursery:
    """Starts at once; what it is asked for waits until it is ready."""

    def __init__(self, module: str) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(START_SECONDS)
        self._lock = Lock()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                (sys.executable, "-m", module),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                # None of the worker's secrets; OpenBLAS would start threads, and hinder forks.
                env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self) -> Decoder:
        """A new decoder. Raises `Unavailable`."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                return Decoder(self._run(0, theirs), ours)
        except OSError as error:
            ours.close()
            raise Unavailable(f"no decoder could be started: {error}") from None

    def bury(self, decoder: Decoder) -> int:
        """End the decoder, if it has not ended, and say how it did."""
        decoder.close()
        try:
            return self._run(decoder.pid)
        except OSError:  # they end together
            return -SIGKILL

    def close(self) -> None:
        """End the process and every decoder."""
        self._socket.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _run(self, errand: int, *sockets: socket.socket) -> int:
        with self._lock:
            try:
                socket.send_fds(self._socket, [ERRAND.pack(errand)], [s.fileno() for s in sockets])
                answer = self._socket.recv(ERRAND.size)
                if not answer:
                    raise ConnectionResetError("it has ended")
            except OSError:
                self._process.kill()  # and never again out of step
                self._process.wait()
                raise
        return int(ERRAND.unpack(answer)[0])
