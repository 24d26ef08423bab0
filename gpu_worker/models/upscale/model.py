"""The `upscale` model. Where its weights come from: `gpu_worker/weights/upscale.md`."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gpu_worker.decoding import decode
from gpu_worker.encoding import USUAL_QUALITY, Format, FormatChoice, Quality, check_size, encode
from gpu_worker.model import Encoded, Inputs, Sample, Step
from gpu_worker.models.upscale.tile import Tile, tiles
from gpu_worker.pictures import Picture, filled
from shared.catalogue import Localised, ModelAbout
from shared.contract import ImageSource
from shared.errors import InputError

if TYPE_CHECKING:
    from gpu_worker.models.upscale.engine import Engine

WEIGHTS = Path(__file__).parents[2] / "weights" / "upscale-x4.safetensors"
MAX_PIXELS = 64_000_000
"""Of the result."""
SIDE = 256
"""Of a tile of the source: large enough that its margin costs little, small enough for a cache."""
MARGIN = 24
"""No pixel of the result depends on a source farther away: 18 convolutions, a bicubic step, and the
engine's correction of colours."""


class Input(BaseModel):
    """What is made larger."""

    model_config = ConfigDict(extra="forbid")

    image: ImageSource = Field(
        title="Picture",
        description="A drawing, a painting, a photograph or a frame of a film.",
        json_schema_extra={
            "x-title-zh": "图片",
            "x-description-zh": "绘画、插画、照片或影片画面。",
        },
    )


class Params(BaseModel):
    """How large, how much of it is redrawn, and what it is kept as."""

    model_config = ConfigDict(extra="forbid")

    scale: Literal[2, 3, 4] = Field(
        default=2,
        title="Scale",
        description="How many times as wide and as high the result is.",
        json_schema_extra={
            "x-title-zh": "放大倍数",
            "x-description-zh": "结果的宽与高是原来的几倍。",
        },
    )
    strength: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        title="Strength",
        description="How much is redrawn: 1 for drawings, about 0.5 keeps a photograph's texture.",
        json_schema_extra={
            "x-title-zh": "重绘强度",
            "x-description-zh": "重绘的程度：绘画用 1，照片约 0.5 可保留纹理。",
        },
    )
    format: FormatChoice = Format.PNG
    quality: Quality = USUAL_QUALITY


@dataclass(eq=False)
class Prepared:
    """A decoded picture whose clear parts have the colours of their surroundings."""

    picture: Picture
    scale: int
    strength: float
    large: Picture | None = None
    """What was made of it."""

    @property
    def tiles(self) -> list[Tile]:
        return list(tiles(self.picture.height, self.picture.width, SIDE, MARGIN))


class Upscale:
    """Two to four times as large, edges and lines sharp, noise and JPEG blocks gone."""

    about: ClassVar[ModelAbout] = ModelAbout(
        name="upscale",
        version="1",
        task="upscale",
        title=Localised(en="Upscale", zh="高清放大"),
        description=Localised(
            en="Makes a picture two, three or four times as large: lines and edges come out sharp,"
            " noise and JPEG blocks go. Best on drawings, paintings and animation; for photographs,"
            " whose fine texture it smooths, lower the strength.",
            zh="将图片放大二、三或四倍：线条与边缘清晰，并去除噪点与压缩痕迹。最适合插画、绘画与动画；"
            "照片的细微纹理会被抹平，可降低重绘强度。",
        ),
        licence="Apache-2.0 AND BSD-3-Clause",
        example="/studio/upscale.jpg",
        limits={"output_pixels": MAX_PIXELS},
    )
    Input: ClassVar[type[BaseModel]] = Input
    Params: ClassVar[type[BaseModel]] = Params
    weights: ClassVar[Sequence[Path]] = (WEIGHTS,)

    def __init__(self) -> None:
        self.engine: Engine | None = None

    def load(self, device: str) -> None:
        """Read the network onto the device."""
        from gpu_worker.models.upscale.engine import Engine

        self.engine = Engine(WEIGHTS, device)

    def unload(self) -> None:
        """Forget the network."""
        self.engine = None

    def prepare(self, inputs: Inputs, params: Any) -> Prepared:
        """Decode, and refuse what would grow beyond the limit."""
        data = inputs["image"]
        if isinstance(data, str):
            raise TypeError("the image is to be given as bytes")
        picture = filled(_decoded(data, params.scale))
        check_size(params.format, picture.width * params.scale, picture.height * params.scale)
        return Prepared(picture, params.scale, params.strength)

    def shape(self, prepared: Prepared, params: Any) -> Hashable:
        """Of no account: a tile by itself keeps a device busy, so there are no batches."""
        return prepared.picture.height, prepared.picture.width, prepared.scale

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        """The large pictures. Artworks of one job are alike, nothing here is drawn by chance: they
        are made once."""
        works: list[Prepared] = [sample.prepared for sample in batch]
        new = {id(work): work for work in works if work.large is None}
        total = sum(len(work.tiles) for work in new.values())
        done = 0

        def tile_done() -> None:
            nonlocal done
            done += 1
            step(done / total)

        for work in new.values():
            work.large = self._enlarge(work, tile_done)
        return [work.large for work in works if work.large]

    def encode(self, artwork: Picture, params: Any) -> Encoded:
        """A picture in the format that was asked for."""
        return encode(artwork, params.format, params.quality)

    def _enlarge(self, work: Prepared, tile_done: Callable[[], None]) -> Picture:
        """Tile by tile, into the result: beside that, memory holds a single tile."""
        if self.engine is None:
            raise RuntimeError("load comes before generate")
        picture, scale = work.picture, work.scale
        rgb = np.empty((picture.height * scale, picture.width * scale, 3), np.uint8)
        alpha = None if picture.alpha is None else np.empty(rgb.shape[:2], np.uint8)
        for tile in work.tiles:
            source = (tile.rows.source, tile.columns.source)
            target = (tile.rows.target(scale), tile.columns.target(scale))
            kept = (tile.rows.kept(scale), tile.columns.kept(scale))
            rgb[target] = self.engine.colours(picture.rgb[source], scale, work.strength)[kept]
            if alpha is not None and picture.alpha is not None:
                alpha[target] = self.engine.alpha(picture.alpha[source], scale)[kept]
            tile_done()
        return Picture(rgb, alpha)


def _decoded(data: bytes, scale: int) -> Picture:
    try:
        return decode(data, max_pixels=MAX_PIXELS // scale**2)
    except InputError as refused:
        if refused.code != "image_too_large":
            raise
        limit = f"{scale} times as large it would exceed {MAX_PIXELS:,}"
        raise InputError(f"{refused}: {limit}", code=refused.code) from None
