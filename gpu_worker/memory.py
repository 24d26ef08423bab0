"""The memory of the device: how much is free, and how much a batch has taken. Torch is asked where
a model has imported it."""

import gc
import sys
from typing import Any


def free(device: str) -> int | None:
    """Bytes that a batch may take; None where the device does not tell."""
    cuda = _cuda(device)
    if cuda is None:
        return None
    try:
        unused, _ = cuda.mem_get_info()
        return int(unused + cuda.memory_reserved() - cuda.memory_allocated())
    except RuntimeError:  # a device in trouble: the batch will tell
        return None


def begin(device: str) -> int:
    """Watch the most that is taken from now on. Returns the bytes that are taken already."""
    cuda = _cuda(device)
    if cuda is None:
        return 0
    cuda.reset_peak_memory_stats()
    return int(cuda.memory_allocated())


def used(device: str, before: int) -> int:
    """Bytes that were taken at most since `begin`, beside those `before`."""
    cuda = _cuda(device)
    return 0 if cuda is None else int(cuda.max_memory_allocated()) - before


def settle() -> None:
    """A model was loaded: what it is made of is not looked through again and again."""
    gc.collect()
    gc.freeze()


def release() -> None:
    """A model was unloaded: what it was made of is found, and what torch keeps for itself when its
    tensors are gone is given back."""
    gc.unfreeze()
    settle()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _cuda(device: str) -> Any:
    torch = sys.modules.get("torch")
    return torch.cuda if torch and device.startswith("cuda") else None
