"""Everybody can use the pages: with a keyboard, with a screen reader, on a phone, in the dark."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from scripts.project import ROOT
from tests.browser.actions import captions, create_session, join, say
from tests.browser.conftest import PHONE, OpenPage

AXE = ROOT / "build" / "web" / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[str]:
    """Return what axe-core finds that is serious, as `rule: element`."""
    page.evaluate(AXE.read_text())
    result: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{violation['id']}: {node['html']}"
        for violation in result["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def test_axe_finds_what_is_wrong_with_a_page(open_page: OpenPage):
    page = open_page("/listen")
    page.evaluate("document.querySelector('label[for=language]').remove()")

    assert [found for found in violations(page) if found.startswith("select-name:")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: OpenPage, scheme: Any):
    speaker, listener = open_page("/speak"), open_page("/listen")
    for page in (speaker, listener):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []

    join(listener, create_session(speaker), "ar")
    say(speaker, "Welcome.")
    expect(captions(listener)).to_have_count(1)

    for page in (speaker, listener):
        assert violations(page) == []


@pytest.mark.parametrize("path", ["/speak", "/listen"])
def test_a_page_fits_on_a_phone(open_page: OpenPage, path: str):
    page = open_page(path, phone=True)
    if path == "/speak":
        create_session(page)
        say(page, "W" * 200)
    else:
        speaker = open_page("/speak")
        join(page, create_session(speaker), "de")
        say(speaker, "W" * 200)
    expect(captions(page)).to_have_count(1)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_listener_needs_no_mouse(open_page: OpenPage):
    code = create_session(open_page("/speak"))
    listener = open_page("/listen")

    listener.keyboard.press("Tab")
    listener.keyboard.type(code)
    listener.keyboard.press("Enter")
    expect(listener.get_by_role("status")).to_have_text("Connected.")
    for _ in range(20):
        if listener.evaluate("document.activeElement.id") == "leave":
            break
        listener.keyboard.press("Tab")
    listener.keyboard.press("Enter")

    expect(listener.get_by_role("status")).to_have_text("You have left the session.")
    expect(listener.get_by_label("Code of the session")).to_be_focused()


def test_a_screen_reader_reads_new_captions_and_states(open_page: OpenPage):
    listener = open_page("/listen")

    assert listener.locator("#log").get_attribute("aria-live") == "polite"
    assert listener.locator("#status").get_attribute("role") == "status"
    assert listener.locator("#notice").get_attribute("role") == "alert"
