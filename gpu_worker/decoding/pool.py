"""The decoders of one worker."""

from signal import SIGKILL, SIGXCPU, Signals
from threading import BoundedSemaphore, Lock

from gpu_worker.decoding.decoder import Decoder, Refusal
from gpu_worker.decoding.nursery import Nursery
from gpu_worker.pictures import Picture
from shared.errors import InputError
from shared.logs import Logger

logger = Logger(service="worker")

SIZE = 2
"""Pictures that are decoded at the same time."""
PICTURES = 100
"""A decoder ends after so many, and what leaked or was left behind ends with it."""
SECONDS = 60.0
"""From a request to its answer, waits of a busy machine included."""


class DecoderLost(InputError):
    """A decoder ended, and perhaps not by the picture's fault."""

    retryable = True


class Pool:
    """Decodes in other processes. A file that kills its decoder fails, and the next one gets a new
    decoder."""

    def __init__(self, module: str = "gpu_worker.decoder", seconds: float = SECONDS) -> None:
        self.module, self.seconds = module, seconds
        self._nursery = Nursery(module)
        self._idle: list[Decoder] = []
        self._lock = Lock()
        self._turns = BoundedSemaphore(SIZE)

    def decode(self, data: bytes, max_pixels: int, long_side: int | None) -> Picture:
        """As `pictures.decode`, and safely. Raises `InputError`, or `Unavailable`."""
        with self._turns:
            answer = self._ask(data, max_pixels, long_side)
        if isinstance(answer, Refusal):
            raise InputError(answer.message, code=answer.code)
        return answer

    def close(self) -> None:
        """End every process."""
        for decoder in self._idle:
            decoder.close()
        self._nursery.close()

    def _ask(self, data: bytes, max_pixels: int, long_side: int | None) -> Picture | Refusal:
        nursery, decoder = self._take()
        try:
            answer = decoder.ask(data, max_pixels, long_side, self.seconds)
        except (OSError, ValueError) as broken:
            raise _reason(broken, nursery.bury(decoder)) from None
        except BaseException:
            nursery.bury(decoder)
            raise
        self._give_back(nursery, decoder)
        return answer

    def _take(self) -> tuple[Nursery, Decoder]:
        """A decoder that waits, or a new one."""
        with self._lock:
            if not self._nursery.alive:
                self._restart()
            while self._idle:
                decoder = self._idle.pop()
                if decoder.silent:
                    return self._nursery, decoder
                self._nursery.bury(decoder)
            return self._nursery, self._nursery.fork()

    def _give_back(self, nursery: Nursery, decoder: Decoder) -> None:
        with self._lock:
            if nursery is self._nursery and decoder.asked < PICTURES:
                self._idle.append(decoder)
                return
        nursery.bury(decoder)

    def _restart(self) -> None:
        logger.warning("the decoders are started again")
        for decoder in self._idle:
            decoder.close()
        self._idle.clear()
        self._nursery.close()
        self._nursery = Nursery(self.module)


def _reason(broken: Exception, status: int) -> InputError:
    """Why there is no picture. A decoder that somebody else killed, or that did nothing for long,
    may have been the victim of a machine with too little memory or time; a job tries that again."""
    how = Signals(-status).name if status < 0 else f"status {status}"
    logger.warning("a decoder was lost", extra={"ended": how, "broken": type(broken).__name__})
    if status == -SIGXCPU:
        return InputError("the picture takes too long to decode", code="image_too_slow")
    if isinstance(broken, TimeoutError):
        return DecoderLost("the picture took too long to decode", code="image_too_slow")
    if status == -SIGKILL and isinstance(broken, OSError):
        return DecoderLost("the picture's decoder was ended", code="image_crashed")
    return InputError("the picture crashes its decoder", code="image_crashed")
