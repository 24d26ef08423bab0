"""A real Chromium, driven as a person would: found, or installed where that is allowed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, NoReturn

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PACKAGES = ("chromium", "chromium-driver")
PROGRAMS = ("chromium", "chromedriver")
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
    chromium, chromedriver = _programs()
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


@cache
def _programs() -> tuple[str, str]:
    """The paths of Chromium and its driver."""
    if not _found() and not _installed():
        _give_up("there is no Chromium: apt-get install -y " + " ".join(PACKAGES))
    chromium, chromedriver = _found()
    return chromium, chromedriver


def _found() -> list[str]:
    paths = [shutil.which(program) for program in PROGRAMS]
    return [path for path in paths if path] if all(paths) else []


def _installed() -> bool:
    """Whether apt could install it: on Debian, as root."""
    if os.geteuid() or not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        return False
    install = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], install):
        subprocess.run(command, env=environment, check=False, capture_output=True, timeout=600)
    return bool(_found())


def _give_up(reason: str) -> NoReturn:
    """Skip, with the reason; where everything is to be tested, fail."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason} (CI=true allows no skip)", pytrace=False)
    pytest.skip(reason)
