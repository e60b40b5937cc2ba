"""What speakers and listeners do on the pages."""

from playwright.sync_api import Locator, Page, expect


def create_session(page: Page, *, language: str = "en", tier: str = "standard") -> str:
    """Create a session on the speaker's page, and return its code when the speaker is connected."""
    page.get_by_label("Language that you speak").select_option(language)
    page.get_by_label("What listeners get").select_option(tier)
    page.get_by_role("button", name="Create a session").click()
    expect(page.get_by_role("status")).to_have_text("Connected.")
    return page.locator("#code").inner_text()


def say(page: Page, text: str) -> None:
    """Type a sentence on the speaker's page and send it."""
    page.get_by_label("What you say").fill(text)
    page.get_by_role("button", name="Send").click()


def join(page: Page, code: str, language: str) -> None:
    """Join a session on the listener's page, and wait until it is connected."""
    page.get_by_label("Code of the session").fill(code)
    page.locator("#language").select_option(language)
    page.get_by_role("button", name="Listen").click()
    expect(page.get_by_role("status")).to_have_text("Connected.")


def captions(page: Page) -> Locator:
    """Return the texts of the captions that the page shows, oldest first."""
    return page.locator("#captions li p")
