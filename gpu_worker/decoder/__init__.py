"""The processes that decode pictures: they have Pillow, no secrets, and narrow limits.

`python -m gpu_worker.decoder` is the nursery, a small process with all codecs in its memory that
does nothing but fork decoders, which share that memory, and bury them. A decoder reads a request
from its socket, answers it, and waits for the next.
"""
