"""How broad the strokes are.

The networks' strokes have a fixed width in pixels, so a large painting would look like a photograph
with a fine grain. A photograph painted small, enlarged, and painted again has broad strokes and
crisp edges at any size. The second painting would push the colours a second time: only its fine
part is taken, over the colours of the first, so that a preview looks like the final picture.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from gpu_worker.model import Step
from gpu_worker.models.paint.canvas import LEAST, STEP
from gpu_worker.models.paint.finish import blurred

Network = Callable[[Tensor, Tensor, Step], Tensor]


def paint(network: Network, photo: Tensor, style: Tensor, broader: float, step: Step) -> Tensor:
    """(N, 3, H, W) in 0..1 to the same."""
    if broader == 1.0:
        return network(photo, style, step)
    early = 1.0 / (1.0 + broader**2)
    small = functional.interpolate(
        photo, [_side(side / broader) for side in photo.shape[2:]], mode="area"
    )
    coarse = network(small, style, lambda done: step(early * done))
    enlarged = functional.interpolate(coarse, photo.shape[2:], mode="bicubic", align_corners=False)
    first = enlarged.clamp_(0, 1)
    second = network(first, style, lambda done: step(early + (1.0 - early) * done))
    return second.add_(blurred(first.sub_(second))).clamp_(0, 1)


def _side(pixels: float) -> int:
    return max(LEAST, round(pixels / STEP) * STEP)
