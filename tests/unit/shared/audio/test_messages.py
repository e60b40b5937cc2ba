"""The answer to a chunk of audio."""

from shared.audio.messages import audio_accepted
from tests.support.sessions import NOW


def test_the_answer_has_the_timestamp_and_the_sequence_of_the_message():
    assert audio_accepted(NOW, 7) == {"type": "audioAccepted", "timestamp": NOW, "sequence": 7}


def test_the_answer_to_a_message_without_a_sequence_has_none():
    assert audio_accepted(NOW, None) == {"type": "audioAccepted", "timestamp": NOW}
