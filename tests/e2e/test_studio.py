"""The page in a real browser, against the whole system: what a person does with it."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.e2e.chromium import browser
from tests.e2e.page import Page
from tests.machine import keys, running

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[2] / "local" / "sample.jpg"
TRIANGLE = ((-60, 40), (0, -50), (60, 40), (-60, 40))

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("atelier")) as atelier:
        yield f"{atelier.url}/"


@pytest.fixture
def visit(service: str, tmp_path: Path) -> Iterator[Visit]:
    """Opens the page in a new browser; at the end nothing may have offended the browser."""
    with ExitStack() as stack:

        def visit(**wishes: Any) -> Page:
            page = Page(stack.enter_context(browser(tmp_path, **wishes)), service)
            page.open()
            return page

        yield visit


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph, small enough to be painted at once."""
    path = tmp_path_factory.mktemp("photo") / "raccoon.jpg"
    with Image.open(SAMPLE) as image:
        image.thumbnail((400, 400))
        image.save(path)
    return path


def paint(page: Page, photo: Path, style: str = "starry-night") -> str:
    """Make a painting and return the id of its job."""
    page.choose_file(photo)
    page.image(".chosen img")
    page.choose(style)
    page.make()
    page.made()
    return page.browser.current_url.rpartition("/")[2]


def ask(url: str) -> Any:
    """What the API answers to a GET; None where there is nothing."""
    answered = httpx.get(url)
    return answered.json() if answered.is_success else None


def downloaded(folder: Path) -> Path | None:
    return next(iter(folder.glob("*.png")), None)


def test_a_photograph_becomes_a_painting(visit: Visit, photo: Path, tmp_path: Path) -> None:
    page = visit()
    page.choose_file(photo)
    page.image(".chosen img")
    page.choose("starry-night")
    page.make()
    page.wait_for(".work .progress progress")
    assert page.made().size["width"] > 100
    page.image(".comparison img.before")
    assert page.text(".label h2") == "raccoon"

    page.press("[data-do=download]")
    saved = page.until(lambda: downloaded(tmp_path))
    with Image.open(io.BytesIO(saved.read_bytes())) as painting:
        assert painting.size == (400, 300)

    page.press(".work > .fold summary")
    assert "Starry night" in page.wait_for(".manifest dl").text
    assert page.complaints == []


def test_the_line_between_before_and_after_moves(visit: Visit, photo: Path) -> None:
    page = visit()
    paint(page, photo)
    page.image(".comparison img.before")
    page.press(".comparison .divider")
    page.find(".comparison .divider").send_keys("\ue010")  # End
    shown = page.run("return document.querySelector('.comparison').style.getPropertyValue('--at')")
    assert shown == "1"


@pytest.mark.parametrize("hand", ["mouse", "touch", "pen"])
def test_every_hand_can_draw(visit: Visit, hand: Any) -> None:
    page = visit(phone=hand == "touch")
    page.press("[data-do=draw]")
    page.draw(hand, *TRIANGLE)
    one = page.ink
    assert one > 500
    page.draw(hand, (-80, -60), (80, -60))
    assert page.ink > one
    page.press(".hands button:nth-child(1)")
    assert page.ink == one
    page.press(".hands button:nth-child(2)")
    assert page.ink == 0


def test_a_drawing_is_painted(visit: Visit) -> None:
    page = visit()
    page.press("[data-do=draw]")
    page.draw("mouse", *TRIANGLE)
    page.press(".swatch:nth-of-type(3)")
    page.draw("mouse", (-100, 80), (100, 80))
    page.choose("ink-wash")
    page.make()
    page.made()
    assert page.text(".label h2") == "drawing"
    assert page.complaints == []


def test_a_picture_of_ones_own_is_the_style(visit: Visit, photo: Path, service: str) -> None:
    page = visit()
    page.choose_file(photo)
    page.choose_file(photo, ".well[data-field=style_image] input[type=file]")
    page.image(".well-picture img")
    page.image(".chosen img")
    page.make()
    page.made()
    job = ask(f"{service}v1/jobs/{page.browser.current_url.rpartition('/')[2]}")
    manifest = ask(f"{service}v1/artworks/{job['artworks'][0]['id']}/manifest")
    assert set(manifest["inputs"]) == {"image", "style_image"}


def test_a_work_is_made_larger(visit: Visit, photo: Path) -> None:
    page = visit()
    paint(page, photo)
    page.press("[data-do=use]")
    page.image(".chosen img")
    page.choose("upscale")
    page.make()
    page.until(lambda: page.made().get_dom_attribute("width") == "800")


def test_chinese(visit: Visit) -> None:
    page = visit()
    assert page.text("button.make") == "Make it"
    page.press("#language")
    assert page.find("html").get_dom_attribute("lang") == "zh-Hans"
    assert page.text("button.make") == "开始创作"
    assert "印象派" in page.text("#panel")
    page.open()
    assert page.text("button.make") == "开始创作"


def test_a_chinese_browser_is_greeted_in_chinese(visit: Visit) -> None:
    assert visit(language="zh").text(".wordmark") == "画室"


def test_the_wall_keeps_what_was_made_until_it_is_deleted(
    visit: Visit, photo: Path, service: str
) -> None:
    page = visit()
    job = paint(page, photo)
    page.open()
    frame = f".frame[data-job='{job}']"
    page.wait_for(frame)
    page.press(f"{frame} a")
    page.made()
    page.image(".comparison img.before")
    page.image(f"{frame} img")

    page.press(f"{frame} [data-do=delete]")
    page.press("dialog [data-do=confirm]")
    page.until(lambda: not page.all(frame))
    assert ask(f"{service}v1/jobs/{job}") is None
    page.open()
    page.wait_for(".wall-foot")
    assert not page.all(frame)


def test_back_and_forward_lead_from_work_to_picture_and_again(visit: Visit, photo: Path) -> None:
    page = visit()
    job = paint(page, photo)
    page.browser.back()
    page.image(".chosen img")
    page.browser.forward()
    page.made()
    page.press("[data-tab=picture]")
    page.image(".chosen img")
    page.press(f".frame[data-job='{job}'] a")
    page.made()


def test_a_text_file_called_jpg_is_refused_in_plain_words(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "poem.jpg"
    path.write_text("The fog comes on little cat feet.\n" * 20)
    page = visit()
    page.choose_file(path)
    assert page.wait_for(".board .notice").get_dom_attribute("data-code") == "image_unreadable"
    assert "not a picture" in page.text(".board .notice")
    page.make()
    assert "choose a picture" in page.text(".panel-foot .notice")


def test_a_picture_that_is_cut_off_says_so(visit: Visit, photo: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    path.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    page = visit()
    page.choose_file(path)
    page.image(".chosen img")
    page.make()
    assert page.wait_for(".work .notice").get_dom_attribute("data-code") == "image_truncated"
    page.until(lambda: "The end of this picture is missing" in page.text(".frame"))


def test_a_job_is_canceled(visit: Visit) -> None:
    page = visit()
    page.choose_file(SAMPLE)  # Sixteen large ones: enough work to be in the midst of.
    page.image(".chosen img")
    page.run("document.querySelector('#panel .fold').open = true")
    count = "[data-field=count] input"
    page.press(count)
    page.find(count).send_keys("\ue010")  # End: 16
    page.choose("ink-wash")
    page.make()
    page.wait_for(".frame:is([data-status=queued], [data-status=running])")
    page.press("[data-do=cancel]")
    assert "Canceled" in page.wait_for(".work .notice").text
    assert page.wait_for(".frame").get_dom_attribute("data-status") == "canceled"


def test_the_machine_may_be_called_by_another_name(visit: Visit, photo: Path, service: str) -> None:
    page = visit()
    page.url = service.replace("127.0.0.1", "localhost")
    page.open()
    paint(page, photo)
    assert page.complaints == []


def test_a_key_is_asked_for(photo: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    key = keys(data, "create", "--name", "test")
    with running(data, "--host", "0.0.0.0") as atelier, browser(tmp_path) as driver:
        page = Page(driver, f"{atelier.url}/")
        driver.get(page.url)
        page.wait_for("dialog input").send_keys("ak_wrong")
        page.press("dialog [type=submit]")
        assert "not accepted" in page.wait_for("dialog .notice").text
        page.find("dialog input").send_keys(key)
        page.press("dialog [type=submit]")
        page.wait_for(".chip.model")
        paint(page, photo)


def test_a_phone_is_wide_enough(visit: Visit, photo: Path) -> None:
    page = visit(phone=True)
    assert page.overflow == 0
    page.run("document.querySelector('#panel .fold').open = true")
    assert page.overflow == 0
    page.press("[data-do=draw]")
    assert page.overflow == 0
    page.press("#language")
    assert page.overflow == 0
    page.press("#language")
    page.press(".hands button:nth-child(3)")
    paint(page, photo)
    page.press(".work > .fold summary")
    page.wait_for(".manifest dl")
    assert page.overflow == 0
    assert page.find("[data-do=download]").is_displayed()
