"""Refusals: why a request is not carried out, in sentences that clients may read.

HTTP and WebSocket statuses are in shared/events.
"""

from collections.abc import Iterable
from typing import NamedTuple


class FieldError(NamedTuple):
    """One invalid field of a request: its name as the client wrote it, and a sentence."""

    field: str
    message: str


class Refusal(Exception):
    """Base of all refusals. Clients read its text, so it contains nothing internal."""


class AuthenticationRequired(Refusal):
    """The caller is not signed in."""

    def __init__(self) -> None:
        super().__init__("Authentication required")


class InvalidRequest(Refusal):
    """The request is not valid: `fields` lists every invalid field, the text is the first one's."""

    def __init__(self, *fields: FieldError) -> None:
        super().__init__(fields[0].message)
        self.fields = fields


class SessionNotFound(Refusal):
    """No live session has this id: it never existed, is malformed or has expired."""

    def __init__(self) -> None:
        super().__init__("Session not found")


class NotOwner(Refusal):
    """The caller did not create this session; `action` is `update` or `delete`."""

    def __init__(self, action: str) -> None:
        super().__init__(f"Not authorized to {action} this session")


class NotAuthorized(Refusal):
    """The connection may not do this; `action` is that of the client's message."""

    def __init__(self, action: str) -> None:
        super().__init__(f"This connection may not send {action}")


class VersionMismatch(Refusal):
    """The session has changed since the caller read it."""

    def __init__(self) -> None:
        super().__init__("Session has changed since it was read")


class SessionPaused(Refusal):
    """The session is paused: nothing is published until its speaker resumes it."""

    def __init__(self) -> None:
        super().__init__("Session is paused")


class SessionEnded(Refusal):
    """The session has ended, and an ended session never changes."""

    def __init__(self) -> None:
        super().__init__("Session has ended")


class SessionFull(Refusal):
    """The session has its maximum number of listeners."""

    def __init__(self) -> None:
        super().__init__("Session is full")


class IdempotencyKeyReused(Refusal):
    """The idempotency key belongs to an earlier request with another body."""

    def __init__(self) -> None:
        super().__init__("Idempotency-Key was already used with another request body")


class NotAcceptable(Refusal):
    """The client accepts none of the media types that the route returns."""

    def __init__(self, media_types: Iterable[str]) -> None:
        super().__init__(f"Not acceptable. Supported: {', '.join(media_types)}")


class RateLimited(Refusal):
    """The caller is over a rate limit; `retry_after_s` is the number of seconds to wait."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many requests. Try again later")
        self.retry_after_s = retry_after_s


class ServiceUnavailable(Refusal):
    """A temporary fault: the same request may succeed after `retry_after_s` seconds."""

    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("Service temporarily unavailable. Try again")


class WriteConflict(ServiceUnavailable):
    """Another write to the same row was in progress: this one may succeed if it is repeated at once."""


class UnreadableRow(Exception):
    """A row lacks an attribute that this release needs, or has one of another type."""


class ConnectionUnreachable(Exception):
    """API Gateway rejects calls for one connection, and repeating them cannot help."""
