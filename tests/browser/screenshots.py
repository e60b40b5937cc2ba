"""Take the README's pictures of both pages: python -m tests.browser.screenshots."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from scripts.local.system import System
from scripts.project import ROOT
from tests.browser import chromium
from tests.browser.actions import captions, create_session, join, say

IMAGES = ROOT / "docs" / "images"
SENTENCES = (
    "Good morning, and welcome to all of you.",
    "Today we hear each other in nineteen languages.",
    "Choose yours, and read along.",
)


def main() -> int:
    """Write docs/images/speak.png and listen.png."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        System(work=Path(folder)) as system,
        chromium.running() as browser,
    ):
        speaker = browser.new_page(viewport={"width": 560, "height": 900})
        listener = browser.new_page(viewport={"width": 360, "height": 900})
        speaker.goto(f"{system.console_url}/speak")
        listener.goto(f"{system.console_url}/listen")
        join(listener, create_session(speaker), "es")
        for sentence in SENTENCES:
            say(speaker, sentence)
        for page in (speaker, listener):
            expect(captions(page)).to_have_count(len(SENTENCES))
        expect(speaker.locator("#count")).to_have_text("1")
        for page, name in ((speaker, "speak"), (listener, "listen")):
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=IMAGES / f"{name}.png")
            print(f"Wrote docs/images/{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
