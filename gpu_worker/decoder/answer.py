"""A decoder's whole life: one request after the other."""

import json
import socket

from gpu_worker.decoder.confine import allow_cpu
from gpu_worker.decoder.wire import HEAD, REQUEST
from gpu_worker.pictures import Picture, decode
from shared.errors import InputError


def answer_all(worker: socket.socket) -> None:
    """Answer until the worker has gone."""
    while head := worker.recv(REQUEST.size, socket.MSG_WAITALL):
        size, max_pixels, long_side = REQUEST.unpack(head)
        data = worker.recv(size, socket.MSG_WAITALL)
        allow_cpu()
        _answer(worker, data, max_pixels, long_side or None)


def _answer(worker: socket.socket, data: bytes, max_pixels: int, long_side: int | None) -> None:
    try:
        picture = decode(data, max_pixels, long_side)
    except InputError as refused:
        _tell(worker, code=refused.code, message=str(refused))
    except MemoryError:
        _tell(worker, code="image_too_complex", message="the picture takes too much memory")
    else:
        _show(worker, picture)


def _show(worker: socket.socket, picture: Picture) -> None:
    _tell(worker, width=picture.width, height=picture.height, alpha=picture.alpha is not None)
    worker.sendall(picture.rgb.data)
    if picture.alpha is not None:
        worker.sendall(picture.alpha.data)


def _tell(worker: socket.socket, **answer: object) -> None:
    told = json.dumps(answer).encode()
    worker.sendall(HEAD.pack(len(told)) + told)
