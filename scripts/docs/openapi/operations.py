"""What the document says of each route: in words here, in shapes and examples from the code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.docs.openapi.samples import CURSOR, PAUSED, REQUEST, SESSION, health_answer
from shared import errors
from shared.events import http_api
from shared.events.http_api import Request, Response
from shared.sessions.list import ListQuery
from shared.sessions.requests import NewSession, SessionChange


@dataclass(frozen=True)
class Answer:
    """One thing that a client may be told; `name` tells it from others of the same status."""

    name: str
    meaning: str
    schema: str | None
    response: Response


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One route. `function` and `route` are those of terraform/functions.tf."""

    function: str
    route: str
    signed_in: bool
    summary: str
    description: str
    parameters: tuple[str, ...]
    answers: tuple[Answer, ...]
    refusals: tuple[Exception, ...]
    body: type[NewSession | SessionChange] | None = None
    bodies: Mapping[str, dict[str, Any]] | None = None
    links: tuple[str, ...] = ()


def _refusal(model: type[NewSession | SessionChange], body: dict[str, Any]) -> errors.InvalidRequest:
    """What the model has against the body."""
    try:
        model.parse(body)
    except errors.InvalidRequest as refusal:
        return refusal
    raise AssertionError(f"{model.__name__} takes {body}")


def _listing_refusal(**query: str) -> errors.InvalidRequest:
    """Return why the query parameters of a list are refused."""
    try:
        ListQuery.parse(query)
    except errors.InvalidRequest as refusal:
        return refusal
    raise AssertionError(f"A listing takes {query}")


TOO_MANY_ETAGS = errors.InvalidRequest(
    errors.FieldError("If-Match", f"If-Match must list at most {http_api.MAX_ETAGS} ETags")
)


OPERATIONS = (
    Operation(
        function="create_session",
        route="POST /sessions",
        signed_in=True,
        summary="Open a session",
        description="Opens a session for the signed-in speaker. It lives 24 hours. "
        f"The body has at most {http_api.MAX_BODY_BYTES:,} bytes.",
        parameters=("Idempotency-Key", "traceparent"),
        body=NewSession,
        bodies={
            "language": {"sourceLanguage": "en"},
            "premium": {"sourceLanguage": "es", "qualityTier": "premium"},
        },
        answers=(
            Answer(
                "created",
                "The session, new or opened before with the same key.",
                "OwnerSession",
                http_api.created(SESSION),
            ),
        ),
        refusals=(
            _refusal(NewSession, {"qualityTier": "gold"}),
            errors.AuthenticationRequired(),
            errors.IdempotencyKeyReused(),
            errors.RateLimited(1200),
            errors.ServiceUnavailable(),
            Exception(),
        ),
        links=("get_session", "update_session", "delete_session"),
    ),
    Operation(
        function="list_sessions",
        route="GET /sessions",
        signed_in=True,
        summary="List one's own sessions",
        description="The speaker's own sessions that have not expired, newest first, ended ones too. What "
        "was written within the last second may be missing or as it was. With a status a page may be "
        "shorter than its limit, or empty: the list is at its end where `nextCursor` is missing.",
        parameters=("status", "limit", "cursor", "traceparent"),
        answers=(
            Answer("last page", "A page.", "SessionPage", http_api.listed([PAUSED, SESSION], None)),
            Answer("first page", "More follow.", "SessionPage", http_api.listed([PAUSED], CURSOR)),
        ),
        refusals=(
            _listing_refusal(status="over", limit="0"),
            errors.AuthenticationRequired(),
            errors.ServiceUnavailable(),
            Exception(),
        ),
    ),
    Operation(
        function="get_session",
        route="GET /sessions/{sessionId}",
        signed_in=False,
        summary="Look a session up",
        description="What anybody may know who has the id, until the session expires; ended sessions too.",
        parameters=("sessionId", "If-None-Match", "traceparent"),
        answers=(
            Answer("found", "The session.", "PublicSession", http_api.found(SESSION, Request({}))),
            Answer("not modified", "The caller has it already.", None, http_api.found(SESSION, REQUEST)),
        ),
        refusals=(errors.SessionNotFound(), errors.ServiceUnavailable(), Exception()),
    ),
    Operation(
        function="update_session",
        route="PATCH /sessions/{sessionId}",
        signed_in=True,
        summary="Change a session",
        description="Changes the speaker's own session. Active and paused may follow each other; both may "
        "be followed by ended, and nothing follows ended. Asking for ended does what `DELETE` does, also "
        "when the session has ended before. When several refusals hold, the first of 401, 400, 404, 403, "
        f"412, 409 is answered. The body has at most {http_api.MAX_BODY_BYTES:,} bytes.",
        parameters=("sessionId", "If-Match", "traceparent"),
        body=SessionChange,
        bodies={
            "pause": {"status": "paused"},
            "resume in another language": {"status": "active", "sourceLanguage": "es"},
            "end": {"status": "ended"},
        },
        answers=(
            Answer("changed", "The session as it is from now on.", "OwnerSession", http_api.updated(PAUSED)),
        ),
        refusals=(
            _refusal(SessionChange, {"status": "stopped"}),
            errors.AuthenticationRequired(),
            errors.NotOwner("update"),
            errors.SessionNotFound(),
            errors.SessionEnded(),
            errors.VersionMismatch(),
            errors.ServiceUnavailable(),
            Exception(),
        ),
    ),
    Operation(
        function="delete_session",
        route="DELETE /sessions/{sessionId}",
        signed_in=True,
        summary="End a session",
        description="Ends the speaker's own session. It stays readable, as ended, until it expires. When "
        "several refusals hold, the first of 401, 400, 404, 403, 412 is answered.",
        parameters=("sessionId", "If-Match", "traceparent"),
        answers=(Answer("ended", "The session has ended, now or before.", None, http_api.deleted()),),
        refusals=(
            TOO_MANY_ETAGS,
            errors.AuthenticationRequired(),
            errors.NotOwner("delete"),
            errors.SessionNotFound(),
            errors.VersionMismatch(),
            errors.ServiceUnavailable(),
            Exception(),
        ),
    ),
    Operation(
        function="health",
        route="GET /health",
        signed_in=False,
        summary="Ask whether the service can do its work",
        description="Reads the table once, with one cheap read.",
        parameters=("traceparent",),
        answers=(
            Answer("healthy", "The service can do its work.", "Health", health_answer(healthy=True)),
            Answer("unhealthy", "The table cannot be read.", "Health", health_answer(healthy=False)),
        ),
        refusals=(Exception(),),
    ),
)
