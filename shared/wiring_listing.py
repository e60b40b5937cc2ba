"""What list_sessions uses, built once from its settings."""

from functools import cache

from shared import settings
from shared.api_gateway import now_ms
from shared.dynamodb import client
from shared.dynamodb.session_index import SpeakerIndex
from shared.sessions.cursors import SignedCursors
from shared.sessions.listing import Listing


@cache
def listing() -> Listing:
    """The use case on the index of SESSIONS_TABLE, with cursors signed with CURSOR_KEY."""
    index = SpeakerIndex(client.make(), settings.text("SESSIONS_TABLE"))
    return Listing(index, SignedCursors(settings.text("CURSOR_KEY")), now_ms)
