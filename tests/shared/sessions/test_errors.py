"""Refusals in sentences that clients know by heart."""

import pytest

from shared.sessions.errors import (
    AuthenticationRequired,
    IdempotencyKeyReused,
    NotOwner,
    RateLimited,
    SessionEnded,
    SessionError,
    SessionFull,
    SessionNotFound,
    TryAgainLater,
    VersionMismatch,
)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (AuthenticationRequired(), "Authentication required"),
        (SessionNotFound(), "Session not found"),
        (NotOwner("update"), "Not authorized to update this session"),
        (NotOwner("delete"), "Not authorized to delete this session"),
        (VersionMismatch(), "Session has changed since it was read"),
        (SessionEnded(), "Session has ended"),
        (IdempotencyKeyReused(), "Idempotency-Key was already used with another request body"),
        (TryAgainLater(), "Service temporarily unavailable. Try again"),
        (SessionFull(), "Session is full"),
        (RateLimited(60), "Too many requests. Try again later"),
    ],
)
def test_a_refusal_is_the_sentence_that_clients_know(refusal: SessionError, sentence: str):
    assert str(refusal) == sentence
