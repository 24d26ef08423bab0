"""Encoding: what a job asks its artworks to be, and the bytes that are kept of a picture."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, WithJsonSchema

from gpu_worker.model import Encoded
from gpu_worker.pictures import Picture, encode_jpeg, encode_png, encode_webp, thumbnail
from shared.errors import InputError


class Format(StrEnum):
    """What a picture is kept as."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


LARGEST_SIDE = {Format.PNG: 2**31 - 1, Format.JPEG: 65_500, Format.WEBP: 16_383}
"""In pixels, as their libraries have it."""

FormatChoice = Annotated[
    Format,
    # Written out, so that the schema has the names in place rather than behind a reference.
    WithJsonSchema({"type": "string", "enum": [str(kind) for kind in Format]}),
    Field(
        title="Format",
        description="PNG keeps every pixel, and transparency. WebP and JPEG are smaller; a JPEG is"
        " white where the picture is transparent.",
        json_schema_extra={
            "x-title-zh": "格式",
            "x-description-zh": "PNG 保留每个像素和透明部分；WebP 与 JPEG 更小，"
            "JPEG 的透明部分变为白色。",
            "x-enum-titles": {
                "png": {"en": "PNG", "zh": "PNG"},
                "jpeg": {"en": "JPEG", "zh": "JPEG"},
                "webp": {"en": "WebP", "zh": "WebP"},
            },
            "x-advanced": True,
        },
    ),
]
"""The type of a model's parameter `format`."""

Quality = Annotated[
    int,
    Field(
        ge=1,
        le=100,
        title="Quality",
        description="Of a JPEG or a WebP: the higher, the truer to the original, and the larger.",
        json_schema_extra={
            "x-title-zh": "质量",
            "x-description-zh": "仅用于 JPEG 与 WebP：数值越高，文件越大，越接近原图。",
            "x-advanced": True,
        },
    ),
]
"""The type of a model's parameter `quality`."""

USUAL_QUALITY = 90


def encode(picture: Picture, kind: Format, quality: int = USUAL_QUALITY) -> Encoded:
    """An artwork from a picture."""
    return Encoded(
        data=_bytes(picture, kind, quality),
        media_type=f"image/{kind}",
        thumbnail=thumbnail(picture),
        width=picture.width,
        height=picture.height,
    )


def check_size(kind: Format, width: int, height: int) -> None:
    """Raise `InputError` where a picture is too large for its format."""
    largest = LARGEST_SIDE[kind]
    if max(width, height) > largest:
        raise InputError(
            f"{width} x {height} pixels: a side of a {kind} has at most {largest:,}",
            code="image_too_large",
        )


def _bytes(picture: Picture, kind: Format, quality: int) -> bytes:
    match kind:
        case Format.JPEG:
            return encode_jpeg(picture, quality)
        case Format.WEBP:
            return encode_webp(picture, quality)
    return encode_png(picture)
