"""The routes: their descriptions in words; their examples come from the code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.docs.openapi.samples import (
    CAPTIONS,
    CURSOR,
    FIRST_CAPTIONS,
    PAUSED,
    REQUEST,
    SESSION,
    health_response,
)
from shared import errors
from shared.captions import webvtt
from shared.captions.list import CaptionQuery
from shared.events import caption_responses, http_api
from shared.events.http_api import Request, Response
from shared.sessions.list import ListQuery
from shared.sessions.requests import NewSession, SessionChange


@dataclass(frozen=True)
class Example:
    """A response that a client may get; `name` is unique among the responses of one status."""

    name: str
    meaning: str
    schema: str | None
    response: Response


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One route; `function` and `route` equal those in terraform/functions.tf."""

    function: str
    route: str
    signed_in: bool
    summary: str
    description: str
    parameters: tuple[str, ...]
    successes: tuple[Example, ...]
    refusals: tuple[Exception, ...]
    body: type[NewSession | SessionChange] | None = None
    bodies: Mapping[str, dict[str, Any]] | None = None
    links: tuple[str, ...] = ()


def _refusal(model: type[NewSession | SessionChange], body: dict[str, Any]) -> errors.InvalidRequest:
    """Return the error that the model raises for an invalid body."""
    try:
        model.parse(body)
    except errors.InvalidRequest as refusal:
        return refusal
    raise AssertionError(f"{model.__name__} accepts {body}")


def _listing_refusal(model: type[ListQuery | CaptionQuery], **query: str) -> errors.InvalidRequest:
    """Return the error that an invalid query of a list raises."""
    try:
        model.parse(query)
    except errors.InvalidRequest as refusal:
        return refusal
    raise AssertionError(f"{model.__name__} accepts {query}")


TOO_MANY_ETAGS = errors.InvalidRequest(
    errors.FieldError("If-Match", f"If-Match must list at most {http_api.MAX_ETAGS} ETags")
)


OPERATIONS = (
    Operation(
        function="create_session",
        route="POST /sessions",
        signed_in=True,
        summary="Create a session",
        description="Creates a session for the signed-in speaker. It expires after 24 hours. "
        f"The body has at most {http_api.MAX_BODY_BYTES:,} bytes.",
        parameters=("Idempotency-Key", "traceparent"),
        body=NewSession,
        bodies={
            "language": {"sourceLanguage": "en"},
            "premium": {"sourceLanguage": "es", "qualityTier": "premium"},
        },
        successes=(
            Example(
                "created",
                "The session: new, or created earlier with the same key.",
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
        summary="List your sessions",
        description="Lists the signed-in speaker's sessions that have not expired, newest first, including "
        "ended ones. Changes of the last second may be missing. With a `status` filter a page may be shorter "
        "than `limit`, or empty; the last page is the one without `nextCursor`.",
        parameters=("status", "limit", "cursor", "traceparent"),
        successes=(
            Example("last page", "One page.", "SessionPage", http_api.listed([PAUSED, SESSION], None)),
            Example("first page", "More pages follow.", "SessionPage", http_api.listed([PAUSED], CURSOR)),
        ),
        refusals=(
            _listing_refusal(ListQuery, status="over", limit="0"),
            errors.AuthenticationRequired(),
            errors.ServiceUnavailable(),
            Exception(),
        ),
    ),
    Operation(
        function="get_session",
        route="GET /sessions/{sessionId}",
        signed_in=False,
        summary="Get a session",
        description="Returns the public fields of a session, ended or not, until it expires. Needs no token.",
        parameters=("sessionId", "If-None-Match", "traceparent"),
        successes=(
            Example("found", "The session.", "PublicSession", http_api.found(SESSION, Request({}))),
            Example(
                "not modified",
                "The session still has an ETag that the caller sent.",
                None,
                http_api.found(SESSION, REQUEST),
            ),
        ),
        refusals=(errors.SessionNotFound(), errors.ServiceUnavailable(), Exception()),
    ),
    Operation(
        function="update_session",
        route="PATCH /sessions/{sessionId}",
        signed_in=True,
        summary="Update a session",
        description="Changes the signed-in speaker's session. The status can change between active and "
        "paused, and from either to ended; an ended session never changes. The status ended has the same "
        "effect as `DELETE`, also if the session has ended already. If several errors apply, the response is "
        f"the first of 401, 400, 404, 403, 412, 409. The body has at most {http_api.MAX_BODY_BYTES:,} bytes.",
        parameters=("sessionId", "If-Match", "traceparent"),
        body=SessionChange,
        bodies={
            "pause": {"status": "paused"},
            "resume in another language": {"status": "active", "sourceLanguage": "es"},
            "end": {"status": "ended"},
        },
        successes=(Example("changed", "The updated session.", "OwnerSession", http_api.updated(PAUSED)),),
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
        description="Ends the signed-in speaker's session. It stays readable, with status ended, until it "
        "expires. If several errors apply, the response is the first of 401, 400, 404, 403, 412.",
        parameters=("sessionId", "If-Match", "traceparent"),
        successes=(Example("ended", "The session has ended, now or earlier.", None, http_api.deleted()),),
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
        function="list_captions",
        route="GET /sessions/{sessionId}/captions",
        signed_in=False,
        summary="List what was said",
        description="Lists the captions of a session, ended or not, until it expires, in ascending order, "
        "each in `language` or, where nobody listened in it, in the language in which it was spoken. Needs "
        "no token. Captions of the last second may be missing. A page may be shorter than `limit`; the last "
        "page is the one without `nextAfter`, or without the header `Link`. With `Accept: text/vtt` the "
        "response is a WebVTT file: its zero is the creation of the session, a cue ends when the next one "
        "begins or after 7 s, and within a page no cue begins before the one above it. If several errors "
        "apply, the response is the first of 400, 406, 404.",
        parameters=("sessionId", "language", "after", "limit", "Accept", "traceparent"),
        successes=(
            Example(
                "last page",
                "One page.",
                "CaptionPage",
                caption_responses.listed(CAPTIONS, caption_responses.JSON),
            ),
            Example(
                "first page",
                "More captions follow.",
                "CaptionPage",
                caption_responses.listed(FIRST_CAPTIONS, caption_responses.JSON),
            ),
            Example(
                "WebVTT",
                "One page as a WebVTT file.",
                "WebVTT",
                caption_responses.listed(FIRST_CAPTIONS, webvtt.MEDIA_TYPE),
            ),
        ),
        refusals=(
            _listing_refusal(CaptionQuery, language="xx", limit="0"),
            errors.SessionNotFound(),
            errors.NotAcceptable(caption_responses.MEDIA_TYPES),
            errors.ServiceUnavailable(),
            Exception(),
        ),
    ),
    Operation(
        function="health",
        route="GET /health",
        signed_in=False,
        summary="Check the service",
        description="Reads one item from the sessions table.",
        parameters=("traceparent",),
        successes=(
            Example("healthy", "The service works.", "Health", health_response(healthy=True)),
            Example("unhealthy", "The table cannot be read.", "Health", health_response(healthy=False)),
        ),
        refusals=(Exception(),),
    ),
)
