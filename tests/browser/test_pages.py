"""The pages of speakers and listeners, in Chromium on the running system."""

from playwright.sync_api import Page, expect

from scripts.local.system import System
from tests.browser.actions import captions, create_session, join, say
from tests.browser.conftest import MAX_LISTENERS, OpenPage


def disconnect(system: System, page: Page) -> None:
    """Cut a page off: it cannot reach the service, and its WebSocket is closed."""
    page.context.set_offline(True)
    for connection in list(system.connections.values()):
        connection.close(1001, "Going away")


def test_what_the_speaker_says_is_read_by_each_listener_in_their_language(
    open_page: OpenPage, console_errors: list[str]
):
    speaker, spanish, french = open_page("/speak"), open_page("/listen"), open_page("/listen")
    code = create_session(speaker)
    join(spanish, code, "es")
    join(french, code, "fr")

    say(speaker, "Welcome to all of you.")
    say(speaker, "Please sit down.")

    expect(captions(spanish)).to_have_text(["[es] Welcome to all of you.", "[es] Please sit down."])
    expect(captions(french)).to_have_text(["[fr] Welcome to all of you.", "[fr] Please sit down."])
    expect(captions(speaker)).to_have_text(["Welcome to all of you.", "Please sit down."])
    expect(spanish.locator("#captions li").first).to_have_attribute("lang", "es")
    expect(spanish.get_by_text("Not translated")).to_have_count(0)
    expect(speaker.locator("#count")).to_have_text("2")
    expect(speaker.locator("#audience li")).to_have_text(["español: 1", "français: 1"])
    assert console_errors == []


def test_three_clicks_and_one_sentence_bring_a_caption_to_a_second_page(open_page: OpenPage):
    speaker = open_page("/")

    speaker.get_by_role("link", name="Speak").click()
    speaker.get_by_role("button", name="Create a session").click()
    expect(speaker.get_by_role("status")).to_have_text("Connected.")
    speaker.keyboard.type("Good morning.")
    speaker.keyboard.press("Enter")
    with speaker.expect_popup() as opened:
        speaker.locator("#link").click()

    expect(captions(opened.value)).to_have_text(["Good morning."])


def test_a_link_with_the_code_joins_in_the_browsers_language(open_page: OpenPage):
    speaker = open_page("/speak")
    create_session(speaker)
    say(speaker, "Good morning.")
    expect(captions(speaker)).to_have_text(["Good morning."])
    link = speaker.locator("#link").get_attribute("href")
    assert link

    listener = open_page("/listen", locale="nb-NO")
    listener.goto(link)

    expect(listener.locator("#room-language")).to_have_value("no")
    expect(captions(listener)).to_have_text(["Good morning."])  # nobody had listened in Norwegian
    expect(listener.get_by_text("Not translated")).to_be_visible()
    expect(speaker.locator("#qr")).to_be_visible()
    assert speaker.locator("#qr").evaluate("image => image.naturalWidth") > 0


def test_a_listener_changes_the_language_in_place(open_page: OpenPage, console_errors: list[str]):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker), "es")
    say(speaker, "One.")
    expect(captions(listener)).to_have_text(["[es] One."])

    listener.locator("#room-language").select_option("de")
    expect(captions(listener)).to_have_text(["One."])
    say(speaker, "Two.")

    expect(captions(listener)).to_have_text(["One.", "[de] Two."])
    assert console_errors == []


def test_pause_resume_and_end_are_said_in_words(open_page: OpenPage, console_errors: list[str]):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker), "es")

    speaker.get_by_role("button", name="Pause").click()
    expect(listener.get_by_role("alert")).to_have_text("The session is paused.")
    say(speaker, "Nobody hears this.")
    expect(speaker.locator("#error")).to_contain_text("paused")
    speaker.get_by_role("button", name="Resume").click()
    expect(listener.get_by_role("alert")).to_be_hidden()
    say(speaker, "We go on.")
    expect(captions(listener)).to_have_text(["[es] We go on."])

    speaker.get_by_role("button", name="End", exact=True).click()

    for page in (speaker, listener):
        expect(page.get_by_role("status")).to_have_text("The session has ended.")
    expect(speaker.get_by_role("button", name="Create a session")).to_be_visible()
    assert console_errors == []


def test_a_reload_in_the_middle_loses_nothing(open_page: OpenPage, console_errors: list[str]):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker), "es")
    say(speaker, "One.")
    expect(captions(listener)).to_have_text(["[es] One."])

    listener.reload()
    speaker.reload()
    expect(captions(listener)).to_have_text(["[es] One."])
    expect(speaker.get_by_role("status")).to_have_text("Connected.")
    say(speaker, "Two.")

    expect(captions(listener)).to_have_text(["[es] One.", "[es] Two."])
    assert console_errors == []


def test_a_listener_whose_network_is_cut_misses_nothing(open_page: OpenPage, system: System):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker), "es")
    said = [f"Sentence {number}." for number in range(30)]
    say(speaker, said[0])
    expect(captions(listener)).to_have_text([f"[es] {said[0]}"])

    disconnect(system, listener)
    expect(listener.get_by_role("status")).to_contain_text("The connection is lost.")
    for text in said[1:]:
        say(speaker, text)
    expect(captions(speaker)).to_have_text(said)
    listener.context.set_offline(False)

    expect(listener.get_by_role("status")).to_have_text("Connected.")
    # More than the service sends on arrival; the page shows the last 20.
    expect(captions(listener).last).to_contain_text(said[-1])
    expect(captions(listener)).to_contain_text(said[-20:])


def test_a_speaker_whose_network_is_cut_publishes_everything_once(open_page: OpenPage, system: System):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker), "es")
    disconnect(system, speaker)
    expect(speaker.get_by_role("status")).to_contain_text("The connection is lost.")
    for text in ("One.", "Two.", "Three."):
        say(speaker, text)

    speaker.context.set_offline(False)

    expect(captions(speaker)).to_have_text(["One.", "Two.", "Three."])
    expect(captions(listener)).to_contain_text(["One.", "Two.", "Three."])


def test_a_full_hall_is_said_and_a_place_that_gets_free_is_taken(open_page: OpenPage):
    code = create_session(open_page("/speak"))
    late = open_page("/listen")
    # The browser keeps this response. A 304, which it gets later, says nothing about the number of listeners.
    late.evaluate(
        """async (code) => {
          const { apiUrl } = await (await fetch("/settings.json")).json();
          await (await fetch(`${apiUrl}/sessions/${code}`)).json();
        }""",
        code,
    )
    listeners = [open_page("/listen") for _ in range(MAX_LISTENERS)]
    for listener in listeners:
        join(listener, code, "es")

    late.get_by_label("Code of the session").fill(code)
    late.get_by_role("button", name="Listen").click()
    expect(late.get_by_role("status")).to_contain_text("The session is full.")
    listeners[0].get_by_role("button", name="Leave").click()

    expect(late.get_by_role("status")).to_have_text("Connected.")


def test_a_wrong_code_is_said_and_can_be_corrected(open_page: OpenPage):
    listener = open_page("/listen?session=holy-psalm-100")

    expect(listener.get_by_role("status")).to_contain_text("There is no session with this code.")
    expect(listener.get_by_label("Code of the session")).to_have_value("holy-psalm-100")


def test_an_absent_speaker_is_said(open_page: OpenPage):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker), "es")
    expect(speaker.locator("#count")).to_have_text("1")  # the service has counted both

    speaker.close()

    expect(listener.get_by_role("alert")).to_contain_text("The speaker is away.")


def test_the_page_of_messages_shows_every_message(open_page: OpenPage, console_errors: list[str]):
    page = open_page("/messages")

    expect(page.get_by_role("heading", name="sessionUpdated")).to_be_visible()
    expect(page.get_by_role("heading", name="publishCaption")).to_be_visible()
    assert console_errors == []
