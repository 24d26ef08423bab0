"""A real Chromium, driven as a person would: found, or installed where that is allowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.debian import install

PACKAGES = (("chromium", "chromium"), ("chromium-driver", "chromedriver"))
"""Each with its program."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
)

Browser = webdriver.Chrome


@contextmanager
def browser(
    folder: Path, language: Literal["en", "zh"] = "en", phone: bool = False
) -> Iterator[Browser]:
    """A browser with nothing remembered, at a desk or on a phone; downloads go to `folder`."""
    chromium, chromedriver = (install(package, program) for package, program in PACKAGES)
    driver = Browser(options=_options(chromium, folder, language), service=Service(chromedriver))
    try:
        _resize(driver, phone)
        yield driver
    finally:
        driver.quit()


def _options(chromium: str, folder: Path, language: str) -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    preferred = {"en": "en-US,en", "zh": "zh-CN,zh"}[language]
    preferences = {
        "intl.accept_languages": preferred,
        "download.default_directory": str(folder),
        "download.prompt_for_download": False,
    }
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


def _resize(driver: Browser, phone: bool) -> None:
    width, height = (360, 740) if phone else (1280, 900)
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    if phone:
        touch = {"enabled": True, "maxTouchPoints": 5}
        driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch)
