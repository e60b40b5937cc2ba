"""Views: the fields of a session that everybody sees, and those that its speaker sees."""

from dataclasses import fields

from shared.sessions.session import Session, Status
from shared.sessions.views import owner_view, public_view
from tests.support.sessions import ALICE, NOW, NOW_S, a_session

PRIVATE_FIELDS = {"due_at": NOW_S + 1, "speaker_absent_since": NOW + 2}


def test_the_public_view_in_full():
    assert public_view(a_session(listener_count=12, **PRIVATE_FIELDS)) == {
        "sessionId": "blessed-shepherd-427",
        "sourceLanguage": "en",
        "qualityTier": "standard",
        "status": "active",
        "listenerCount": 12,
        "maxListeners": 500,
        "createdAt": NOW,
        "updatedAt": NOW,
        "expiresAt": NOW_S + 24 * 60 * 60,
    }


def test_the_public_view_does_not_contain_the_speaker():
    view = public_view(a_session(**PRIVATE_FIELDS))

    assert ALICE not in map(str, view.values())
    assert "speakerId" not in view


def test_the_owner_view_is_the_public_view_and_the_speaker():
    session = a_session(**PRIVATE_FIELDS)

    assert owner_view(session) == {**public_view(session), "speakerId": ALICE}


def test_the_view_of_an_ended_session_has_the_time_of_its_end():
    ended = a_session(status=Status.ENDED, ended_at=NOW + 9)

    assert public_view(ended)["endedAt"] == NOW + 9


def test_only_counts_and_times_are_numbers():
    view = owner_view(a_session(ended_at=NOW))

    numbers = {"listenerCount", "maxListeners", "createdAt", "updatedAt", "expiresAt", "endedAt"}
    assert {name for name, value in view.items() if type(value) is int} == numbers


def test_all_other_fields_are_private():
    values = {field.name: f"<{field.name}>" for field in fields(Session)}

    view = owner_view(Session(**values))

    assert set(values.values()) - set(view.values()) == {
        "<version>",
        "<speaker_connected_since>",
        "<speaker_connected_until>",
        "<speaker_absent_since>",
        "<absence_announced_at>",
        "<due_at>",
    }
