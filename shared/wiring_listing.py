"""What list_sessions uses, built once from its settings."""

from functools import cache

from shared import settings
from shared.aws import dynamodb
from shared.aws.speaker_index import SpeakerIndex
from shared.events.api_gateway import now_ms
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import Listing


@cache
def listing() -> Listing:
    """The use case on the index of SESSIONS_TABLE, with cursors signed with CURSOR_KEY."""
    index = SpeakerIndex(dynamodb.make(), settings.text("SESSIONS_TABLE"))
    return Listing(index, SignedCursors(settings.text("CURSOR_KEY")), now_ms)
