"""The `paint` model. Its networks and where they come from: `networks.py`, `weights/paint.md`."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gpu_worker.decoding import decode
from gpu_worker.encoding import encode
from gpu_worker.model import Encoded, Inputs, Sample, Step
from gpu_worker.models.paint import stroke, weights
from gpu_worker.models.paint.canvas import Canvas, square
from gpu_worker.models.paint.params import LARGEST, PaintInput, PaintParams
from gpu_worker.pictures import Picture, filled
from shared.catalogue import Localised, ModelAbout

if TYPE_CHECKING:
    from gpu_worker.models.paint.painter import Painter

STYLE_SIDE = 256


class Paint:
    """A photograph becomes a painting."""

    about: ClassVar = ModelAbout(
        name="paint",
        version="1",
        task="photo-to-painting",
        title=Localised(en="Photograph to painting", zh="照片变绘画"),
        description=Localised(
            en="Repaints a photograph in one of 22 styles, in a blend of several, or in the style"
            " of any other picture.",
            zh="把照片重绘成 22 种绘画风格之一，也可以混合多种风格，或采用任意一张图片的风格。",
        ),
        licence="Apache-2.0",
        example="/studio/paint.jpg",
        limits={"batch": 8, "max_side": LARGEST},
    )
    Input: ClassVar = PaintInput
    Params: ClassVar = PaintParams
    weights: ClassVar[Sequence[Path]] = (weights.NAMED, weights.ANY)

    _painter: "Painter"

    def load(self, device: str) -> None:
        from gpu_worker.models.paint.painter import Painter

        self._painter = Painter(device)

    def unload(self) -> None:
        del self._painter

    def prepare(self, inputs: Inputs, params: PaintParams) -> Canvas:
        """Never enlarges: the strokes of a small photograph would only be blurred ones."""
        photo = _decoded(inputs["image"], params.size)
        broader = stroke.breadth(params.brush, max(photo.width, photo.height))
        style = inputs.get("style_image")
        if not style:
            return Canvas(photo, broader)
        return Canvas(photo, broader, square(_decoded(style, 4 * STYLE_SIDE), STYLE_SIDE))

    def shape(self, prepared: Canvas, params: PaintParams) -> Hashable:
        return prepared.shape

    def generate(self, batch: Sequence[Sample], step: Step) -> Sequence[Picture]:
        return self._painter.paint(batch, step)

    def encode(self, artwork: Picture, params: PaintParams) -> Encoded:
        return encode(artwork, params.format, params.quality)


def _decoded(data: bytes | str, long_side: int) -> Picture:
    if isinstance(data, str):
        raise TypeError("a picture arrives as bytes")
    return filled(decode(data, long_side=long_side))  # what nobody sees has no part in it
