"""Listing captions: which query parameters are valid, and which session's captions come."""

import pytest

from shared.audience.connection import SessionRef
from shared.captions.caption import MAX_SEQUENCE
from shared.captions.list import CaptionQuery, ListCaptions
from shared.errors import InvalidRequest, SessionNotFound
from shared.sessions.session import Language, Session, Status
from tests.support.captions import a_caption
from tests.support.memory_stores import MemoryCaptionHistory, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session

EVERYTHING = CaptionQuery(None, 0, 20)


def list_captions(
    session: Session | None, query: CaptionQuery = EVERYTHING, session_id: str = a_session().id
):
    sessions, history = MemorySessions(), MemoryCaptionHistory()
    sessions.rows = {session.id: session} if session else {}
    for sequence in range(1, 31):
        history.add(a_caption(sequence))
    history.add(a_caption(99, session=SessionRef(a_session().id, NOW - 1)))
    return ListCaptions(sessions, history, lambda: NOW)(session_id, query)


def test_without_parameters_it_is_the_first_twenty_in_the_source_language():
    listed = list_captions(a_session(source_language=Language.GERMAN), CaptionQuery.parse({}))

    assert [stored.caption.sequence for stored in listed.page.captions] == [*range(1, 21)]
    assert (listed.language, listed.page.next_after, listed.limit) == ("de", 20, 20)


def test_parameters_choose_the_language_and_the_page():
    query = CaptionQuery.parse({"language": "es", "after": "7", "limit": "2"})

    listed = list_captions(a_session(), query)

    assert [stored.caption.sequence for stored in listed.page.captions] == [8, 9]
    assert (listed.language, listed.limit) == ("es", 2)


def test_the_captions_of_a_session_that_has_ended_are_listed():
    assert list_captions(a_session(status=Status.ENDED)).page.captions


def test_an_earlier_session_with_the_same_id_shows_nothing():
    assert list_captions(a_session(created_at=NOW + 1)).page.captions == []


@pytest.mark.parametrize("session", [None, a_session(expires_at=NOW_S)], ids=["unknown", "expired"])
def test_a_session_that_is_gone_is_not_found(session: Session | None):
    with pytest.raises(SessionNotFound):
        list_captions(session)


def test_a_malformed_id_is_not_found():
    with pytest.raises(SessionNotFound):
        list_captions(a_session(), session_id="Holy-Psalm-1")


@pytest.mark.parametrize("after", ["0", "1", str(MAX_SEQUENCE)])
@pytest.mark.parametrize("limit", ["1", "100"])
def test_numbers_within_their_limits_are_accepted(after: str, limit: str):
    assert CaptionQuery.parse({"after": after, "limit": limit}) == (None, int(after), int(limit))


INVALID_NUMBERS = ["", "-1", "+1", "01", "1.0", "1e1", " 1", "1\n", "\u0661", "one", "9" * 5000]


@pytest.mark.parametrize(
    "after", [*INVALID_NUMBERS, str(MAX_SEQUENCE + 1)], ids=lambda text: ascii(text)[:12]
)
def test_another_after_is_invalid(after: str):
    with pytest.raises(InvalidRequest) as refused:
        CaptionQuery.parse({"after": after})

    assert refused.value.fields == (("after", "Invalid after. Supported: 0 to 2147483647"),)


@pytest.mark.parametrize("limit", [*INVALID_NUMBERS, "0", "101"], ids=lambda text: ascii(text)[:12])
def test_another_limit_is_invalid(limit: str):
    with pytest.raises(InvalidRequest) as refused:
        CaptionQuery.parse({"limit": limit})

    assert refused.value.fields == (("limit", "Invalid limit. Supported: 1 to 100"),)


@pytest.mark.parametrize("language", ["", "ES", "es ", "uk", "en-US"])
def test_another_language_is_invalid(language: str):
    with pytest.raises(InvalidRequest, match=r"^Invalid language\. Supported: en, es, "):
        CaptionQuery.parse({"language": language})


def test_every_invalid_parameter_is_named():
    with pytest.raises(InvalidRequest) as refused:
        CaptionQuery.parse({"language": "xx", "after": "-1", "limit": "0", "cursor": "x"})

    assert [error.field for error in refused.value.fields] == ["cursor", "language", "after", "limit"]
