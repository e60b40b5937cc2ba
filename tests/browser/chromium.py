"""The machine's own Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A microphone that hears beeps, and is allowed without a question. Sound may play before the first click.
ARGUMENTS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]


class NoChromium(RuntimeError):
    """There is no Chromium."""

    def __init__(self) -> None:
        super().__init__(
            "The browser tests need Chromium. Install it (Debian, Ubuntu: apt-get install chromium), or name"
            " it: make test-browser CHROMIUM=/path/to/chromium"
        )


def executable() -> str:
    """Return the path of Chromium: CHROMIUM, or the first that is on the PATH. Raises NoChromium."""
    if path := os.environ.get("CHROMIUM"):
        if not shutil.which(path):
            raise NoChromium
        return path
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise NoChromium


@contextmanager
def running() -> Iterator[Browser]:
    """Run Chromium without a window while the context lasts. Raises NoChromium."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
