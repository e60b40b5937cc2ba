"""Changing a listener's language, and the message that asks for it."""

from typing import Any

import pytest

from shared.audience.change_language import ChangeLanguage
from shared.audience.connection import Connection
from shared.audience.requests import LanguageChange
from shared.errors import FieldError, InvalidRequest, SessionNotFound
from shared.sessions.session import Language
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryConnections
from tests.support.sessions import NOW_S

SESSION_ID = "blessed-shepherd-427"


def test_a_listener_listens_in_another_language_from_now_on():
    connections = MemoryConnections(a_listener(id="a"), a_listener(id="b"))

    ChangeLanguage(connections, Clock())(SESSION_ID, "a", Language.FRENCH)

    assert connections.of_session(SESSION_ID) == [
        a_listener(id="a", target_language=Language.FRENCH),
        a_listener(id="b"),
    ]


def test_the_same_language_again_succeeds():
    connections = MemoryConnections(a_listener(id="a"))

    ChangeLanguage(connections, Clock())(SESSION_ID, "a", Language.SPANISH)

    assert connections.of_session(SESSION_ID) == [a_listener(id="a")]


@pytest.mark.parametrize(
    "row",
    [a_listener(id="b"), a_listener(id="a", expires_at=NOW_S), a_waiting_listener(id="a"), a_speaker(id="a")],
    ids=["gone", "expired", "not admitted", "speaker"],
)
def test_a_connection_that_is_no_live_listener_has_no_session(row: Connection):
    connections = MemoryConnections(row)

    with pytest.raises(SessionNotFound):
        ChangeLanguage(connections, Clock())(SESSION_ID, "a", Language.FRENCH)

    assert connections.of_session(SESSION_ID) == [row]


@pytest.mark.parametrize("language", Language)
def test_every_language_can_be_chosen(language: Language):
    change = LanguageChange.parse({"targetLanguage": str(language), "action": "x", "unknown": [1]})

    assert (change.target_language, type(change.target_language)) == (language, Language)


@pytest.mark.parametrize("language", ["", "EN", " es", "xx", "es,de", 1, True, ["es"], {"es": 1}, "ENGLISH"])
def test_an_unsupported_language_is_invalid(language: object):
    with pytest.raises(InvalidRequest, match=r"^Invalid targetLanguage\. Supported: en, es, fr,") as error:
        LanguageChange.parse({"targetLanguage": language})

    assert [field for field, _ in error.value.fields] == ["targetLanguage"]


@pytest.mark.parametrize("values", [{}, {"targetLanguage": None}, {"language": "es"}])
def test_the_language_is_required(values: dict[str, Any]):
    with pytest.raises(InvalidRequest) as error:
        LanguageChange.parse(values)

    assert error.value.fields == (FieldError("targetLanguage", "targetLanguage is required"),)
