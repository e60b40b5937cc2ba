"""What is shown of a session, and to whom."""

from dataclasses import fields

from shared.sessions.session import Session, Status
from shared.sessions.views import owner_view, public_view
from tests.support.sessions import ALICE, NOW, NOW_S, a_session

SECRET_FIELDS = {"idempotency_key_digest": "key digest", "request_digest": "request digest"}


def test_the_public_view_in_full():
    assert public_view(a_session(listener_count=12, **SECRET_FIELDS)) == {
        "sessionId": "blessed-shepherd-427",
        "sourceLanguage": "en",
        "qualityTier": "standard",
        "status": "active",
        "listenerCount": 12,
        "createdAt": NOW,
        "updatedAt": NOW,
        "expiresAt": NOW_S + 24 * 60 * 60,
    }


def test_the_public_view_never_leaks_the_speaker():
    shown = public_view(a_session(**SECRET_FIELDS))

    assert ALICE not in map(str, shown.values())
    assert "speakerId" not in shown


def test_the_owner_view_is_the_public_view_and_the_speaker():
    session = a_session(**SECRET_FIELDS)

    assert owner_view(session) == {**public_view(session), "speakerId": ALICE}


def test_an_ended_session_shows_when_it_ended():
    ended = a_session(status=Status.ENDED, ended_at=NOW + 9)

    assert public_view(ended)["endedAt"] == NOW + 9


def test_numbers_are_numbers_and_nothing_else_is():
    shown = owner_view(a_session(ended_at=NOW))

    numbers = {"listenerCount", "createdAt", "updatedAt", "expiresAt", "endedAt"}
    assert {name for name, value in shown.items() if type(value) is int} == numbers


def test_a_new_field_stays_private_until_someone_shows_it():
    filled = {field.name: f"<{field.name}>" for field in fields(Session)}

    shown = owner_view(Session(**filled))

    assert set(filled.values()) - set(shown.values()) == {
        "<version>",
        "<idempotency_key_digest>",
        "<request_digest>",
    }
