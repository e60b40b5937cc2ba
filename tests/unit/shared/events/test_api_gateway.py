"""What both APIs of API Gateway share."""

from shared.events.api_gateway import speaker_digest
from tests.support.sessions import ALICE, BOB


def test_a_digest_distinguishes_speakers_and_reveals_none():
    assert speaker_digest(ALICE) == speaker_digest(ALICE) != speaker_digest(BOB)
    assert ALICE not in speaker_digest(ALICE)
    assert len(speaker_digest(ALICE)) == 16
