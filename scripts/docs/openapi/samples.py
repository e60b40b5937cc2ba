"""Sample sessions, requests and responses for the examples in the documents."""

import tomllib
from dataclasses import replace

from scripts.project import ROOT
from shared.audience.connection import SessionRef
from shared.captions.caption import Caption, CaptionPage, StoredCaption
from shared.captions.list import ListedCaptions
from shared.events import http_api
from shared.events.http_api import Request, Response
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import Position
from shared.sessions.session import LIFETIME_S, EndReason, Language, QualityTier, Session, Status

CREATED_AT = 1_767_225_600_000
SESSION = Session(
    id="blessed-shepherd-427",
    speaker="6d1f2c3e-8f0b-4a57-9c64-2f1f6c9c7a10",
    source_language=Language.ENGLISH,
    quality_tier=QualityTier.STANDARD,
    status=Status.ACTIVE,
    listener_count=12,
    max_listeners=500,
    created_at=CREATED_AT,
    updated_at=CREATED_AT,
    expires_at=CREATED_AT // 1000 + LIFETIME_S,
    version=CREATED_AT,
)
PAUSED = replace(SESSION, status=Status.PAUSED, updated_at=CREATED_AT + 60_000, version=CREATED_AT + 1)
ENDED = replace(PAUSED, status=Status.ENDED, ended_at=CREATED_AT + 90_000, end_reason=EndReason.ENDED)
CURSOR = SignedCursors("a key for the sample").encode(
    Position(SESSION.created_at, SESSION.id), speaker=SESSION.speaker, status=None
)
_SESSION_REF = SessionRef(SESSION.id, SESSION.created_at)
_SPOKEN = [
    Caption(
        session=_SESSION_REF,
        sequence=sequence,
        text=text,
        source_language=SESSION.source_language,
        spoken_at=CREATED_AT + seconds * 1000,
        published_at=CREATED_AT + seconds * 1000 + 1500,
        expires_at=SESSION.expires_at,
    )
    for sequence, seconds, text in ((1, 62, "Good morning."), (2, 65, "Let us begin."))
]
_HISTORY = [
    StoredCaption(caption=_SPOKEN[0], translations={Language.SPANISH: "Buenos días."}),
    StoredCaption(caption=_SPOKEN[1]),
]
CAPTIONS = ListedCaptions(SESSION, Language.SPANISH, CaptionPage(_HISTORY, None, None), 20)
FIRST_CAPTIONS = ListedCaptions(SESSION, Language.SPANISH, CaptionPage(_HISTORY[:1], 1, _HISTORY[1]), 1)
REQUEST = Request({"headers": {"if-none-match": "*"}, "requestContext": {"requestId": "Jk3xWh4gIAMEVpA="}})


def health_response(*, healthy: bool) -> Response:
    """Return a response of GET /health."""
    return http_api.health(
        healthy=healthy, environment="prod", version=f"{version()}+1a2b3c4d5e6f", response_time_ms=4.2
    )


def version() -> str:
    """Return the version in pyproject.toml."""
    number: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return number
