"""What the server tells: each message whole, as JSON that clients read."""

import json

from shared.audience.messages import audience, session_ended, session_updated
from shared.sessions.session import Language, QualityTier, Status
from tests.support.connections import a_listener
from tests.support.sessions import NOW, NOW_S, a_session


def test_an_update_says_what_the_session_is_now():
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


def test_an_end_says_when_the_speaker_has_ended_it():
    session = a_session(status=Status.ENDED, ended_at=NOW + 7)

    assert json.loads(json.dumps(session_ended(session, "ended"))) == {
        "type": "sessionEnded",
        "sessionId": "blessed-shepherd-427",
        "reason": "ended",
        "timestamp": NOW + 7,
    }


def test_an_end_by_time_says_when_the_time_was_up_in_milliseconds():
    assert session_ended(a_session(expires_at=NOW_S), "expired") == {
        "type": "sessionEnded",
        "sessionId": "blessed-shepherd-427",
        "reason": "expired",
        "timestamp": NOW_S * 1000,
    }


def test_an_end_by_time_is_not_the_end_that_the_speaker_made():
    ended = a_session(status=Status.ENDED, ended_at=NOW + 7, expires_at=NOW_S)

    assert session_ended(ended, "expired")["timestamp"] == NOW_S * 1000


def test_an_end_that_nobody_dated_is_dated_by_the_time_that_is_up():
    assert session_ended(a_session(expires_at=NOW_S), "ended")["timestamp"] == NOW_S * 1000


def test_the_audience_is_counted_by_language_in_the_order_of_the_languages():
    languages = [Language.SPANISH, Language.GERMAN, Language.SPANISH]
    listeners = [a_listener(id=str(n), target_language=language) for n, language in enumerate(languages)]

    told = json.dumps(audience(listeners))

    assert told == '{"type": "audience", "listenerCount": 3, "byLanguage": {"de": 1, "es": 2}}'


def test_an_empty_hall_is_an_audience_of_nobody():
    assert audience([]) == {"type": "audience", "listenerCount": 0, "byLanguage": {}}


def test_no_message_tells_who_the_speaker_is():
    session = a_session(status=Status.ENDED, ended_at=NOW)

    told = json.dumps([session_updated(session), session_ended(session, "ended"), audience([a_listener()])])

    assert session.speaker not in told
