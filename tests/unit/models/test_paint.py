"""What `paint` promises."""

import io
import subprocess
import sys
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from gpu_worker.model import Interrupted, Sample
from gpu_worker.models.paint import Paint
from gpu_worker.models.paint.styles import ROW, TITLE, Style, mixture
from gpu_worker.pictures import Picture, decode
from shared.catalogue import ModelCard
from shared.errors import InputError, InvalidRequest

torch = pytest.importorskip("torch")

ORIGINAL = Path(__file__).parent / "data" / "paint.safetensors"
SAMPLE = Path(__file__).parents[3] / "local" / "sample.jpg"


@pytest.fixture(scope="module")
def paint() -> Iterator[Paint]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # The pictures are small; threads would only wait for each other.
    model = Paint()
    model.load("cpu")
    yield model
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A real photograph, 120 × 90."""
    return decode(SAMPLE.read_bytes(), long_side=120).rgb


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def sample(
    paint: Paint, photo: np.ndarray, lender: np.ndarray | None = None, seed: int = 1, **params: Any
) -> Sample:
    inputs = {"image": png(photo)} | ({} if lender is None else {"style_image": png(lender)})
    accepted = Paint.Params(**params)
    return Sample(paint.prepare(inputs, accepted), accepted, seed)


def generate(paint: Paint, batch: Sequence[Sample]) -> Sequence[Picture]:
    return paint.generate(batch, lambda share: None)


def painted(paint: Paint, photo: np.ndarray, *lender: np.ndarray, **params: Any) -> np.ndarray:
    return generate(paint, [sample(paint, photo, *lender, **params)])[0].rgb


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in 0..255."""
    return float(np.abs(one.astype(float) - other).mean())


# The original runtime


@pytest.fixture(scope="module")
def original() -> dict[str, Any]:
    """What onnxruntime made of one photograph; written by `convert.py`."""
    from safetensors.torch import load_file

    return load_file(ORIGINAL)


def tensor(pixels: Any) -> Any:  # (H, W, 3) uint8 → (1, 3, H, W)
    return pixels.permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("impressionist", {Style.IMPRESSIONIST: 1.0}),
        ("blend", {Style.STARRY_NIGHT: 3.0, Style.INK_WASH: 1.0}),
    ],
)
def test_named_styles_match_the_original_runtime(
    paint: Paint, original: dict[str, Any], name: str, shares: dict[Style, float]
) -> None:
    weights = torch.from_numpy(mixture(shares))[None]
    with torch.inference_mode():
        ours = paint._painter.named(tensor(original["photo"]), weights, lambda share: None)
    assert (ours[0].permute(1, 2, 0) - original[name]).abs().max() < 2e-4


def test_any_style_matches_the_original_runtime(paint: Paint, original: dict[str, Any]) -> None:
    network = paint._painter.any
    style = original["style"].repeat_interleave(8, 0).repeat_interleave(8, 1)
    with torch.inference_mode():
        numbers = network.predictor(tensor(style))
        ours = network(tensor(original["photo"]), numbers, lambda share: None)
    assert (numbers[0] - original["vector"]).abs().max() < 1e-4
    assert (ours[0].permute(1, 2, 0) - original["any"]).abs().max() < 2e-4


def test_bands_paint_what_the_whole_paints(
    paint: Paint, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpu_worker.models.paint import transformer

    style = photo[:, ::-1]
    whole = painted(paint, photo), painted(paint, photo, style)
    monkeypatch.setattr(transformer, "WHOLE", 0)
    monkeypatch.setattr(transformer, "BAND", 32 * 120 * 20)
    banded = painted(paint, photo), painted(paint, photo, style)
    assert np.abs(np.stack(whole).astype(int) - np.stack(banded)).max() <= 1


# Size


@pytest.mark.parametrize(
    ("width", "height", "size", "expected"),
    [
        (120, 90, 1024, (120, 90)),
        (120, 90, 64, (64, 48)),
        (97, 61, 1024, (97, 61)),
        (67, 91, 90, (66, 90)),
        (200, 8, 1024, (200, 8)),
        (400, 9, 64, (64, 1)),
    ],
)
def test_keeps_the_aspect_and_never_enlarges(
    paint: Paint, photo: np.ndarray, width: int, height: int, size: int, expected: tuple[int, int]
) -> None:
    given = np.asarray(Image.fromarray(photo).resize((width, height)))
    result = generate(paint, [sample(paint, given, size=size)])[0]
    assert (result.width, result.height) == expected


def test_odd_sides_leave_no_seam(paint: Paint, photo: np.ndarray) -> None:
    even = painted(paint, photo[:88, :116])
    odd = painted(paint, photo[:87, :113])
    # The statistics are those of slightly different pictures, so: alike, also at the edge.
    assert apart(even[:87, :113], odd) < 8
    assert apart(even[:87, 109:113], odd[:, 109:]) < 16


# Strength, colours, brush


def test_strength_zero_is_the_photograph(paint: Paint, photo: np.ndarray) -> None:
    assert (painted(paint, photo, strength=0) == photo).all()
    assert (painted(paint, photo, photo[::-1], strength=0) == photo).all()


@pytest.mark.parametrize("style", [None, "reversed"])
def test_strength_leads_from_the_photograph_to_the_painting(
    paint: Paint, photo: np.ndarray, style: str | None
) -> None:
    given = () if style is None else (photo[::-1],)
    away = [apart(painted(paint, photo, *given, strength=step / 4), photo) for step in range(1, 5)]
    assert away == sorted(away)
    assert away[0] > 1


def test_keeps_the_colours_of_the_photograph(paint: Paint, photo: np.ndarray) -> None:
    def colours(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(pixels).convert("YCbCr"))[..., 1:]

    free = painted(paint, photo, style="starry-night")
    kept = painted(paint, photo, style="starry-night", keep_colors=True)
    assert apart(colours(kept), colours(photo)) < apart(colours(free), colours(photo)) / 4
    assert apart(kept, photo) > 10


def test_a_broad_brush_paints_otherwise(paint: Paint, photo: np.ndarray) -> None:
    large = np.asarray(Image.fromarray(photo).resize((480, 360)))
    assert apart(painted(paint, large, brush=4), painted(paint, large, brush=1)) > 10


# Styles


def test_styles_differ(paint: Paint, photo: np.ndarray) -> None:
    batch = [sample(paint, photo, style=style) for style in Style]
    paintings = [picture.rgb for picture in generate(paint, batch)]
    for index, painting in enumerate(paintings):
        assert all(apart(painting, other) > 5 for other in paintings[:index])


def test_a_blend_of_one_is_that_style(paint: Paint, photo: np.ndarray) -> None:
    blend = painted(paint, photo, blend={"ink-wash": 7}, style="paper-cutout")
    assert (blend == painted(paint, photo, style="ink-wash")).all()


def test_a_blend_lies_between_its_styles(paint: Paint, photo: np.ndarray) -> None:
    ends = [painted(paint, photo, style=style) for style in ("ink-wash", "starry-night")]
    between = painted(paint, photo, blend={"ink-wash": 1, "starry-night": 1})
    assert all(apart(between, end) < apart(*ends) for end in ends)


def test_a_picture_lends_its_style(paint: Paint, photo: np.ndarray) -> None:
    gradient = np.linspace(0, 255, 64, dtype=np.uint8)
    reddish = np.dstack([np.full((64, 64), 220, np.uint8), *[np.tile(gradient, (64, 1)) // 3] * 2])
    blueish = reddish[..., ::-1]
    red, blue = painted(paint, photo, reddish), painted(paint, photo, blueish)
    assert red[..., 0].mean() > red[..., 2].mean() + 20
    assert blue[..., 2].mean() > blue[..., 0].mean() + 20


def test_every_style_has_a_row_and_two_titles() -> None:
    assert set(ROW) == set(TITLE) == set(Style)
    assert len(set(ROW.values())) == len(Style) == 22
    assert not {3, 6, 9, 17} & set(ROW.values())
    assert len({title.zh for title in TITLE.values()}) == 22


def test_variation_is_drawn_from_the_seed(paint: Paint, photo: np.ndarray) -> None:
    def drawn(seed: int) -> np.ndarray:
        return painted(paint, photo, seed=seed, variation=0.5)

    assert (drawn(1) == drawn(1)).all()
    assert apart(drawn(1), drawn(2)) > 3
    assert (painted(paint, photo, seed=1) == painted(paint, photo, seed=2)).all()


# Batches


def company(paint: Paint, photo: np.ndarray) -> list[Sample]:
    """Samples of three shapes, no two alike."""
    height, width, _ = photo.shape
    large = np.asarray(Image.fromarray(photo).resize((2 * width, 2 * height)))
    return [
        sample(paint, photo),
        sample(paint, photo[::-1], style="starry-night"),
        sample(paint, photo, photo[::-1]),
        sample(paint, large, brush=4, style="ink-wash"),
        sample(paint, photo[:, ::-1], style="paper-cutout", strength=0.5),
        sample(paint, photo, photo[:, ::-1], keep_colors=True),
        sample(paint, photo, variation=0.7, seed=8),
        sample(paint, large[::-1], brush=4, blend={"ink-wash": 1, "fauve-oils": 2}),
        sample(paint, photo[::-1], photo, strength=0.2),
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_company_in_a_batch_changes_nothing(
    paint: Paint, photo: np.ndarray, threads: int
) -> None:
    """To the bit, on the CPU: with those of the same shape, of other shapes, or alone."""
    torch.set_num_threads(threads)
    samples = company(paint, photo[::2, ::2])
    alone = [generate(paint, [one])[0].rgb for one in samples]
    for batch in (samples, samples[:5]):
        for one, picture in zip(batch, generate(paint, batch), strict=True):
            assert (picture.rgb == alone[samples.index(one)]).all()
    torch.set_num_threads(1)


def test_where_a_batch_goes_through_the_network_together_only_roundings_change(
    paint: Paint, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU; also where a picture is so large that it is painted in bands."""
    from gpu_worker.models.paint import painter, transformer

    samples = company(paint, photo)
    alone = [generate(paint, [one])[0].rgb.astype(int) for one in samples]
    monkeypatch.setitem(painter.PIXELS, "cpu", 2**20)
    for whole in (transformer.WHOLE, 0):
        monkeypatch.setattr(transformer, "WHOLE", whole)
        for picture, before in zip(generate(paint, samples), alone, strict=True):
            assert np.abs(picture.rgb - before).max() <= 1  # of 255


def test_a_batch_takes_the_steps_of_one(
    paint: Paint, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpu_worker.models.paint import painter

    monkeypatch.setitem(painter.PIXELS, "cpu", 2**20)
    samples = company(paint, photo)
    shapes = [paint.shape(one.prepared, one.params) for one in samples]
    alike = [one for one, shape in zip(samples, shapes, strict=True) if shape == shapes[0]]
    lonely: list[float] = []
    together: list[float] = []
    paint.generate(alike[:1], lonely.append)
    paint.generate(alike, together.append)
    assert (len(set(shapes)), len(alike)) == (3, 4)
    assert together == lonely


def test_unloaded_it_can_be_loaded_again(photo: np.ndarray) -> None:
    paint = Paint()
    paint.load("cpu")
    one = sample(paint, photo[:32, :32])
    before = generate(paint, [one])[0].rgb
    network = weakref.ref(paint._painter.named)
    paint.unload()
    assert network() is None, "its memory is free"
    paint.load("cpu")
    assert (generate(paint, [one])[0].rgb == before).all()


def test_reports_progress_and_can_be_interrupted(paint: Paint, photo: np.ndarray) -> None:
    shares: list[float] = []
    batch = [sample(paint, photo), sample(paint, photo, photo[::-1])]
    paint.generate(batch, shares.append)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] == 1

    def stop(share: float) -> None:
        if share > 0.4:
            raise Interrupted

    with pytest.raises(Interrupted):
        paint.generate(batch, stop)


# Pictures in and out


def test_alpha_is_kept(paint: Paint, photo: np.ndarray) -> None:
    alpha = np.tile(np.linspace(0, 255, photo.shape[1], dtype=np.uint8), (photo.shape[0], 1))
    params = Paint.Params()
    canvas = paint.prepare({"image": png(np.dstack([photo, alpha]))}, params)
    encoded = paint.encode(generate(paint, [Sample(canvas, params, 1)])[0], params)
    result = np.asarray(Image.open(io.BytesIO(encoded.data)))
    assert result.shape == (*alpha.shape, 4)
    assert (result[..., 3] == alpha).all()


@pytest.mark.parametrize("ground", [0, 255])
def test_what_nobody_sees_changes_nothing(paint: Paint, photo: np.ndarray, ground: int) -> None:
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[: photo.shape[0] // 2] = 255
    hidden = np.where(alpha[..., None], photo, np.uint8(ground))
    params = Paint.Params()
    seen = []
    for colours in (photo, hidden):
        canvas = paint.prepare({"image": png(np.dstack([colours, alpha]))}, params)
        (artwork,) = paint.generate([Sample(canvas, params, 1)], lambda done: None)
        seen.append(artwork.rgb[alpha == 255])
    assert (seen[0] == seen[1]).all()


def test_encodes_a_png_and_a_thumbnail(paint: Paint, photo: np.ndarray) -> None:
    encoded = paint.encode(generate(paint, [sample(paint, photo)])[0], Paint.Params())
    assert (encoded.width, encoded.height) == (120, 90)
    assert encoded.media_type == "image/png"
    assert Image.open(io.BytesIO(encoded.thumbnail)).format == "WEBP"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_encodes_what_was_asked_for(paint: Paint, photo: np.ndarray, kind: str) -> None:
    params = Paint.Params(format=kind, quality=50)
    encoded = paint.encode(generate(paint, [sample(paint, photo)])[0], params)
    assert encoded.media_type == f"image/{kind}"
    assert Image.open(io.BytesIO(encoded.data)).format == kind.upper()


def test_what_is_no_picture_is_refused(paint: Paint, photo: np.ndarray) -> None:
    with pytest.raises(InputError):
        paint.prepare({"image": b"no picture"}, Paint.Params())
    with pytest.raises(InputError):
        paint.prepare({"image": png(photo), "style_image": b"no picture"}, Paint.Params())


# Schemas


@pytest.mark.parametrize(
    "params",
    [
        {"style": "cubism"},
        {"blend": {"cubism": 1}},
        {"blend": {"ink-wash": 0}},
        {"strength": 1.1},
        {"size": 4096},
        {"format": "gif"},
        {"quality": 0},
        {"colour": "red"},
    ],
)
def test_schema_and_worker_refuse_the_same(params: dict[str, Any]) -> None:
    card = ModelCard(
        **Paint.about.model_dump(),
        input=Paint.Input.model_json_schema(),
        params=Paint.Params.model_json_schema(),
    )
    card.check({"image": {"upload": "0" * 26}}, {"blend": {"ink-wash": 2}, "strength": 0.5})
    with pytest.raises(InvalidRequest):
        card.check({"image": {"upload": "0" * 26}}, params)
    with pytest.raises(ValidationError):
        Paint.Params(**params)


def test_everything_has_a_title_in_both_languages() -> None:
    for model in (Paint.Input, Paint.Params):
        for field in model.model_json_schema()["properties"].values():
            assert field["title"]
            assert field["x-title-zh"]
    style = Paint.Params.model_json_schema()["properties"]["style"]
    assert set(style["x-enum-titles"]) == set(style["enum"])


# Loading


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, gpu_worker.models.paint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_nothing_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(f"pickle.{name}", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    Paint().load("cpu")
    assert all(path.suffix == ".safetensors" for path in Paint.weights)
