"""The messages to clients, each in full, as the JSON that clients receive."""

import json

from shared.audience.messages import audience, session_ended, session_updated
from shared.sessions.session import Language, QualityTier, Status
from tests.support.connections import a_listener
from tests.support.sessions import NOW, NOW_S, a_session


def test_session_updated_has_the_sessions_current_state():
    session = a_session(
        status=Status.PAUSED,
        source_language=Language.FRENCH,
        quality_tier=QualityTier.PREMIUM,
        updated_at=NOW + 7,
    )

    assert json.loads(json.dumps(session_updated(session))) == {
        "type": "sessionUpdated",
        "sessionId": "blessed-shepherd-427",
        "status": "paused",
        "sourceLanguage": "fr",
        "qualityTier": "premium",
        "timestamp": NOW + 7,
    }


def test_session_ended_by_the_speaker_has_the_time_of_the_end():
    session = a_session(status=Status.ENDED, ended_at=NOW + 7)

    assert json.loads(json.dumps(session_ended(session, "ended"))) == {
        "type": "sessionEnded",
        "sessionId": "blessed-shepherd-427",
        "reason": "ended",
        "timestamp": NOW + 7,
    }


def test_session_ended_by_expiry_has_the_expiry_in_milliseconds():
    assert session_ended(a_session(expires_at=NOW_S), "expired") == {
        "type": "sessionEnded",
        "sessionId": "blessed-shepherd-427",
        "reason": "expired",
        "timestamp": NOW_S * 1000,
    }


def test_session_ended_by_expiry_ignores_an_earlier_end_by_the_speaker():
    ended = a_session(status=Status.ENDED, ended_at=NOW + 7, expires_at=NOW_S)

    assert session_ended(ended, "expired")["timestamp"] == NOW_S * 1000


def test_session_ended_without_a_time_of_the_end_has_the_expiry():
    assert session_ended(a_session(expires_at=NOW_S), "ended")["timestamp"] == NOW_S * 1000


def test_audience_counts_listeners_by_language_in_alphabetical_order():
    languages = [Language.SPANISH, Language.GERMAN, Language.SPANISH]
    listeners = [a_listener(id=str(n), target_language=language) for n, language in enumerate(languages)]

    message = json.dumps(audience(listeners))

    assert message == '{"type": "audience", "listenerCount": 3, "byLanguage": {"de": 1, "es": 2}}'


def test_audience_without_listeners_is_zero():
    assert audience([]) == {"type": "audience", "listenerCount": 0, "byLanguage": {}}


def test_no_message_contains_the_speakers_id():
    session = a_session(status=Status.ENDED, ended_at=NOW)

    messages = json.dumps(
        [session_updated(session), session_ended(session, "ended"), audience([a_listener()])]
    )

    assert session.speaker not in messages
