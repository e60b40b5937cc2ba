"""One local system and one Chromium for all tests of the pages."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from scripts.local.system import System
from tests.browser import chromium

MAX_LISTENERS = 3
PHONE = {"width": 360, "height": 640}
# For what takes milliseconds on a quiet machine.
expect.set_options(timeout=60_000)

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium; without one all tests fail."""
    with chromium.running() as browser:
        yield browser


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Start a system that takes audio, and whose sessions have room for three listeners."""
    settings = {"max_listeners": str(MAX_LISTENERS), "audio_stream": "true"}
    with System(work=tmp_path_factory.mktemp("system"), build=False, settings=settings) as system:
        yield system


@pytest.fixture
def console_errors() -> list[str]:
    """Collect what the pages of a test write to the browser's console as errors."""
    return []


@pytest.fixture
def open_page(browser: Browser, system: System, console_errors: list[str]) -> Iterator[OpenPage]:
    """Open pages of the system, each in a browser of its own: `open_page("/listen", locale="es")`."""
    contexts: list[BrowserContext] = []

    def open_page(path: str, *, locale: str = "en", phone: bool = False) -> Page:
        context = browser.new_context(
            locale=locale, viewport=PHONE if phone else None, permissions=["microphone"]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: console_errors.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: console_errors.append(str(error)))
        page.goto(f"{system.console_url}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
