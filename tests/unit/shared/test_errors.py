"""Refusals in sentences that clients know by heart."""

from collections.abc import Callable
from functools import partial

import pytest

from shared.errors import (
    AuthenticationRequired,
    IdempotencyKeyReused,
    NotOwner,
    RateLimited,
    Refusal,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
    SessionNotFound,
    VersionMismatch,
)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (AuthenticationRequired, "Authentication required"),
        (SessionNotFound, "Session not found"),
        (partial(NotOwner, "update"), "Not authorized to update this session"),
        (partial(NotOwner, "delete"), "Not authorized to delete this session"),
        (VersionMismatch, "Session has changed since it was read"),
        (SessionEnded, "Session has ended"),
        (IdempotencyKeyReused, "Idempotency-Key was already used with another request body"),
        (ServiceUnavailable, "Service temporarily unavailable. Try again"),
        (SessionFull, "Session is full"),
        (partial(RateLimited, 60), "Too many requests. Try again later"),
    ],
)
def test_a_refusal_is_the_sentence_that_clients_know(refusal: Callable[[], Refusal], sentence: str):
    assert str(refusal()) == sentence
