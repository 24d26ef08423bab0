"""What `paint` accepts."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from gpu_worker.encoding import USUAL_QUALITY, Format, FormatChoice, Quality
from gpu_worker.models.paint.styles import COLORS, TITLE, Style
from shared.contract import ImageSource

SMALLEST, LARGEST = 64, 2048

# Written out, so that the schema has the names in place rather than behind a reference.
StyleName = Annotated[
    Style, WithJsonSchema({"type": "string", "enum": [str(style) for style in TITLE]})
]
Share = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]


def _no_null(schema: dict[str, Any]) -> None:
    """What is left out is left out, never null."""
    schema.pop("default", None)
    schema["x-title-zh"] = "风格图片"
    schema["x-description-zh"] = "任意一张图片：用它的色彩与笔触代替列出的风格。"


class PaintInput(BaseModel):
    """The photograph, and a picture to take the style from."""

    model_config = ConfigDict(extra="forbid")

    image: ImageSource = Field(title="Photograph", json_schema_extra={"x-title-zh": "照片"})
    style_image: ImageSource | SkipJsonSchema[None] = Field(
        default=None,
        title="Style picture",
        description="Any picture: its palette and brushwork are used in place of a named style.",
        json_schema_extra=_no_null,
    )


class PaintParams(BaseModel):
    """How to paint it, and what the painting is kept as."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    style: StyleName = Field(
        default=Style.IMPRESSIONIST,
        title="Style",
        description="Set aside where a blend or a style picture is given.",
        json_schema_extra={
            "x-title-zh": "风格",
            "x-description-zh": "若给出风格混合或风格图片，则不采用此项。",
            "x-enum-titles": {str(style): TITLE[style].model_dump() for style in TITLE},
            "x-enum-colors": {str(style): list(COLORS[style]) for style in COLORS},
        },
    )
    blend: dict[StyleName, Share] = Field(
        default_factory=dict,
        title="Blend",
        description="Several styles at once, each with its share; given, it replaces `style`.",
        json_schema_extra={
            "x-title-zh": "风格混合",
            "x-description-zh": "同时使用多种风格，各占一份；填写后取代“风格”。",
        },
    )
    strength: float = Field(
        default=1.0,
        ge=0,
        le=1,
        title="Strength",
        description="0 is the photograph, 1 the painting. In between the brushwork comes first and"
        " the palette follows.",
        json_schema_extra={
            "x-title-zh": "强度",
            "x-description-zh": "0 是照片本身，1 是完整的画作；两者之间先出现笔触，色彩随后跟上。",
        },
    )
    size: int = Field(
        default=1024,
        ge=SMALLEST,
        le=LARGEST,
        title="Size",
        description="The longer side in pixels; a smaller photograph keeps its own size.",
        json_schema_extra={
            "x-title-zh": "尺寸",
            "x-description-zh": "长边的像素数；较小的照片保持原有尺寸。",
        },
    )
    brush: float = Field(
        default=1.0,
        ge=0.25,
        le=4,
        title="Brush",
        description="How broad the strokes are, relative to the whole picture.",
        json_schema_extra={
            "x-title-zh": "笔触宽度",
            "x-description-zh": "笔触相对于整幅画面的宽度。",
        },
    )
    keep_colors: bool = Field(
        default=False,
        title="Keep colours",
        description="The brushwork of the style in the colours of the photograph.",
        json_schema_extra={
            "x-title-zh": "保留原色",
            "x-description-zh": "保留照片的色彩，只用该风格的笔触。",
        },
    )

    variation: float = Field(
        default=0.0,
        ge=0,
        le=1,
        title="Variation",
        description="How far each artwork of a job wanders towards styles that its seed draws: 0"
        " makes them all alike. A style picture leaves no room for it.",
        json_schema_extra={
            "x-title-zh": "变化",
            "x-description-zh": "各幅作品按种子偏向其他风格的程度；0 表示完全相同。"
            "使用风格图片时无效。",
        },
    )
    format: FormatChoice = Format.PNG
    quality: Quality = USUAL_QUALITY

    def shares(self) -> dict[Style, float]:
        """The styles asked for, each with its share."""
        return self.blend or {self.style: 1.0}
