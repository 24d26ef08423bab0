"""The page as a person sees it: what can be pressed, and what is to be seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.chromium import Browser

T = TypeVar("T")
SECONDS = 90
STARTED = "return document.querySelectorAll('.chip.model').length > 0"
DECODED = "return arguments[0].complete && arguments[0].naturalWidth > 0"
INK = """
const canvas = document.querySelector('canvas.paper');
const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
let dark = 0;
for (let at = 0; at < data.length; at += 4) dark += data[at] + data[at + 1] + data[at + 2] < 600;
return dark;
"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Page:
    """The studio in one browser."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self, path: str = "") -> None:
        """Go there, as if for the first time."""
        self.browser.get("about:blank")
        self.browser.get(self.url + path)
        self.until(lambda: self.run(STARTED))

    # Looking

    def run(self, script: str, *values: Any) -> Any:
        return self.browser.execute_script(script, *values)

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def until(self, seen: Callable[[], T | None], seconds: float = SECONDS) -> T:
        """What `seen` returns, as soon as there is something."""
        patience = WebDriverWait(
            self.browser,
            seconds,
            poll_frequency=0.05,
            ignored_exceptions=[NoSuchElementException, StaleElementReferenceException],
        )
        return patience.until(lambda _: seen() or False)

    def wait_for(self, selector: str) -> WebElement:
        return self.until(lambda: self.find(selector))

    def image(self, selector: str) -> WebElement:
        """A picture, once it can be seen."""

        def decoded() -> WebElement | None:
            # Found anew each time: the page may have drawn it anew.
            picture = self.find(selector)
            return picture if self.run(DECODED, picture) else None

        return self.until(decoded)

    @property
    def overflow(self) -> int:
        """How many pixels the page is wider than the screen."""
        return int(self.run(OVERFLOW))

    @property
    def complaints(self) -> list[str]:
        """What the browser had to say against the page, its security policy included."""
        logged = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in logged if entry["level"] == "SEVERE"]

    # Doing

    def press(self, selector: str) -> None:
        """Press what can be seen there, scrolled to where nothing lies over it."""
        target = self.wait_for(selector)
        self.run("arguments[0].scrollIntoView({ block: 'center' })", target)
        target.click()

    def choose_file(self, path: Path, well: str = "#easel > input:not([capture])") -> None:
        self.find(well).send_keys(str(path))

    def choose(self, value: str) -> None:
        """Press the chip of a technique or a setting."""
        chip = f".chip:has(input[value='{value}'])"
        self.press(chip)
        self.until(lambda: self.find(f"{chip} input").is_selected())

    def make(self) -> None:
        self.press("button.make")

    def made(self) -> WebElement:
        """The finished work."""
        self.wait_for(".work [data-do=download]")
        return self.image(".work img.result")

    def draw(self, hand: Literal["mouse", "touch", "pen"], *points: tuple[int, int]) -> None:
        """One stroke over the paper, by distances from its middle."""
        paper = self.find("canvas.paper")
        self.run("arguments[0].scrollIntoView({ block: 'center' })", paper)
        finger: Any = PointerInput(hand, hand)  # type: ignore[no-untyped-call]
        builder = ActionBuilder(self.browser, mouse=finger, duration=15)
        pointer: Any = builder.pointer_action
        pointer.move_to(paper, *points[0])
        pointer.pointer_down(pressure=0.5)
        for x, y in points[1:]:
            pointer.move_to(paper, x, y)
        pointer.pointer_up()
        builder.perform()

    @property
    def ink(self) -> int:
        """How many pixels of the paper are drawn on."""
        return int(self.run(INK))
