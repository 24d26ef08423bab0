"""The worker's end of one process that decodes."""

import select
import socket
import time

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter

from gpu_worker.decoder.wire import HEAD, MAX_HEAD, REQUEST
from gpu_worker.pictures import Code, Picture

GRACE_SECONDS = 0.1
"""For an answer that came while this process was stopped."""


class Refusal(BaseModel):
    """No picture, and why."""

    code: Code
    message: str = Field(max_length=300)


class Shape(BaseModel):
    """Of the picture whose pixels follow."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    alpha: bool


_ANSWER: TypeAdapter[Refusal | Shape] = TypeAdapter(Refusal | Shape)


class Decoder:
    """Decodes one picture at a time. Once a method has raised it is good for nothing but burial."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.asked = 0
        self._socket = connection
        self._end = 0.0

    @property
    def silent(self) -> bool:
        """It is alive, and says nothing unasked."""
        poll = select.poll()  # `select` cannot watch a descriptor above 1023
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def ask(
        self, data: bytes, max_pixels: int, long_side: int | None, seconds: float
    ) -> Picture | Refusal:
        """Its answer. `OSError` where it died or took too long, `ValueError` for nonsense."""
        self.asked += 1
        self._end = time.monotonic() + seconds
        self._socket.settimeout(seconds)
        self._socket.sendall(REQUEST.pack(len(data), max_pixels, long_side or 0))
        self._socket.sendall(data)
        (size,) = HEAD.unpack(self._read(HEAD.size))
        if size > MAX_HEAD:
            raise ValueError("no decoder says as much")
        answer = _ANSWER.validate_json(bytes(self._read(size)))
        if isinstance(answer, Refusal):
            return answer
        if answer.width * answer.height > max_pixels:
            raise ValueError("a picture larger than the largest")
        if long_side and max(answer.width, answer.height) > long_side:
            raise ValueError("a picture larger than asked for")
        return self._picture(answer)

    def close(self) -> None:
        self._socket.close()

    def _picture(self, shape: Shape) -> Picture:
        rgb = np.empty((shape.height, shape.width, 3), np.uint8)
        self._read_into(rgb.data.cast("B"))
        if not shape.alpha:
            return Picture(rgb)
        alpha = np.empty((shape.height, shape.width), np.uint8)
        self._read_into(alpha.data.cast("B"))
        return Picture(rgb, alpha)

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        self._read_into(memoryview(data))
        return data

    def _read_into(self, space: memoryview) -> None:
        while space:
            self._socket.settimeout(max(self._end - time.monotonic(), GRACE_SECONDS))
            count = self._socket.recv_into(space)
            if not count:
                raise ConnectionResetError("the decoder has ended")
            space = space[count:]
