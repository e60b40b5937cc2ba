"""What can go wrong with a session, in sentences that clients may read. Statuses are HTTP's business."""

from typing import NamedTuple


class FieldError(NamedTuple):
    """One offending field of a request: its name as the client wrote it, and a sentence."""

    field: str
    message: str


class SessionError(Exception):
    """A refusal. Its text is shown to the client, so nothing internal goes into it."""


class AuthenticationRequired(SessionError):
    """Nobody is signed in."""

    def __init__(self) -> None:
        super().__init__("Authentication required")


class InvalidRequest(SessionError):
    """The request breaks its own rules; `fields` names every offence, the first one is the sentence."""

    def __init__(self, *fields: FieldError) -> None:
        super().__init__(fields[0].message)
        self.fields = fields


class SessionNotFound(SessionError):
    """No live session has this id: never made, malformed or past its end; clients cannot tell which."""

    def __init__(self) -> None:
        super().__init__("Session not found")


class NotOwner(SessionError):
    """The caller did not open this session."""

    def __init__(self, action: str) -> None:
        super().__init__(f"Not authorized to {action} this session")


class VersionMismatch(SessionError):
    """The session has changed since the caller read it."""

    def __init__(self) -> None:
        super().__init__("Session has changed since it was read")


class SessionEnded(SessionError):
    """Nothing follows the end of a session."""

    def __init__(self) -> None:
        super().__init__("Session has ended")


class IdempotencyKeyReused(SessionError):
    """The key of an earlier request came with another body."""

    def __init__(self) -> None:
        super().__init__("Idempotency-Key was already used with another request body")


class TryAgainLater(SessionError):
    """A fault that the same request may survive when it is sent again after `retry_after_s` seconds."""

    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("Service temporarily unavailable. Try again")


class SessionFull(SessionError):
    """The session has as many listeners as it may have."""

    def __init__(self) -> None:
        super().__init__("Session is full")


class RateLimited(SessionError):
    """The caller has done this too often; it may be done again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many requests. Try again later")
        self.retry_after_s = retry_after_s
