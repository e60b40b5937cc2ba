"""The messages to clients, each in full, as the JSON that clients receive."""

import json

from shared.audience.messages import (
    audience,
    encode,
    language_changed,
    session_ended,
    session_joined,
    session_updated,
    speaker_absent,
    speaker_returned,
)
from shared.sessions.session import EndReason, Language, QualityTier, Status
from tests.support.connections import a_listener, a_speaker
from tests.support.sessions import NOW, NOW_S, a_session


def test_session_joined_has_the_sessions_current_state_and_the_listeners_language():
    session = a_session(
        status=Status.PAUSED,
        source_language=Language.FRENCH,
        quality_tier=QualityTier.PREMIUM,
        listener_count=3,
        version=NOW + 3,
    )

    assert json.loads(encode(session_joined(session, a_listener(), NOW + 7))) == {
        "type": "sessionJoined",
        "sessionId": "blessed-shepherd-427",
        "connectionId": "L0SM9cOFvHcCIhw=",
        "role": "listener",
        "targetLanguage": "es",
        "sourceLanguage": "fr",
        "qualityTier": "premium",
        "status": "paused",
        "version": NOW + 3,
        "listenerCount": 3,
        "timestamp": NOW + 7,
    }


def test_session_joined_has_the_last_sequence_for_the_speaker_and_no_language():
    message = session_joined(a_session(), a_speaker(), NOW, last_sequence=7)

    assert (message["role"], message["lastSequence"]) == ("speaker", 7)
    assert "targetLanguage" not in message


def test_session_joined_before_the_first_caption_has_the_last_sequence_zero():
    assert session_joined(a_session(), a_speaker(), NOW)["lastSequence"] == 0


def test_session_joined_to_a_role_of_a_later_release_has_its_word():
    message = session_joined(a_session(), a_listener(role="interpreter", target_language=None), NOW)

    assert message["role"] == "interpreter"
    assert not {"targetLanguage", "lastSequence"} & message.keys()


def test_language_changed_has_the_new_language():
    assert json.loads(encode(language_changed(Language.FRENCH, NOW))) == {
        "type": "languageChanged",
        "targetLanguage": "fr",
        "timestamp": NOW,
    }


def test_a_message_is_encoded_as_compact_json_in_utf_8():
    assert encode({"text": 'á 句 🙂 "', "n": [1, 2]}) == '{"text":"á 句 🙂 \\"","n":[1,2]}'.encode()


def test_session_updated_has_the_sessions_current_state():
    session = a_session(
        status=Status.PAUSED,
        source_language=Language.FRENCH,
        quality_tier=QualityTier.PREMIUM,
        updated_at=NOW + 7,
        version=NOW + 3,
    )

    assert json.loads(json.dumps(session_updated(session))) == {
        "type": "sessionUpdated",
        "sessionId": "blessed-shepherd-427",
        "status": "paused",
        "sourceLanguage": "fr",
        "qualityTier": "premium",
        "version": NOW + 3,
        "timestamp": NOW + 7,
    }


def test_session_ended_has_the_reason_and_the_time_of_the_end():
    session = a_session(status=Status.ENDED, ended_at=NOW + 7, end_reason=EndReason.ABANDONED)

    assert json.loads(json.dumps(session_ended(session))) == {
        "type": "sessionEnded",
        "sessionId": "blessed-shepherd-427",
        "reason": "abandoned",
        "timestamp": NOW + 7,
    }


def test_session_ended_by_expiry_has_the_expiry_in_milliseconds():
    assert session_ended(a_session(expires_at=NOW_S)) == {
        "type": "sessionEnded",
        "sessionId": "blessed-shepherd-427",
        "reason": "expired",
        "timestamp": NOW_S * 1000,
    }


def test_session_ended_without_reason_and_time_has_those_of_the_last_update():
    session = a_session(status=Status.ENDED, updated_at=NOW + 9)

    assert (session_ended(session)["reason"], session_ended(session)["timestamp"]) == ("ended", NOW + 9)


def test_speaker_presence_has_the_beginning_of_the_absence_and_its_end():
    assert speaker_absent(NOW, NOW_S + 7200) == {
        "type": "speakerPresence",
        "connected": False,
        "endsAt": NOW_S + 7200,
        "timestamp": NOW,
    }
    assert speaker_absent(NOW, None) == {"type": "speakerPresence", "connected": False, "timestamp": NOW}
    assert speaker_returned(NOW) == {"type": "speakerPresence", "connected": True, "timestamp": NOW}


def test_audience_counts_listeners_by_language_in_alphabetical_order():
    languages = [Language.SPANISH, Language.GERMAN, Language.SPANISH]
    listeners = [a_listener(id=str(n), target_language=language) for n, language in enumerate(languages)]

    message = json.dumps(audience(listeners, NOW))

    assert message == (
        f'{{"type": "audience", "listenerCount": 3, "byLanguage": {{"de": 1, "es": 2}}, "timestamp": {NOW}}}'
    )


def test_audience_without_listeners_is_zero():
    assert audience([], NOW) == {"type": "audience", "listenerCount": 0, "byLanguage": {}, "timestamp": NOW}


def test_no_message_contains_the_speakers_id():
    session = a_session(status=Status.ENDED, ended_at=NOW)

    messages = [
        session_joined(session, a_speaker(), NOW),
        session_updated(session),
        session_ended(session),
        audience([a_listener()], NOW),
    ]

    assert session.speaker not in json.dumps(messages)
