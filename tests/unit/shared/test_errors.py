"""Refusals: the documented sentences that clients read."""

from collections.abc import Callable
from functools import partial

import pytest

from shared.errors import (
    AuthenticationRequired,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    NotAuthorized,
    NotOwner,
    RateLimited,
    Refusal,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
    SessionNotFound,
    SessionPaused,
    VersionMismatch,
    WriteConflict,
)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (AuthenticationRequired, "Authentication required"),
        (SessionNotFound, "Session not found"),
        (partial(NotOwner, "update"), "Not authorized to update this session"),
        (partial(NotOwner, "delete"), "Not authorized to delete this session"),
        (partial(NotAuthorized, "publishCaption"), "This connection may not send publishCaption"),
        (partial(NotAuthorized, "audioChunk"), "This connection may not send audioChunk"),
        (SessionPaused, "Session is paused"),
        (VersionMismatch, "Session has changed since it was read"),
        (SessionEnded, "Session has ended"),
        (IdempotencyKeyReused, "Idempotency-Key was already used with another request body"),
        (ServiceUnavailable, "Service temporarily unavailable. Try again"),
        (WriteConflict, "Service temporarily unavailable. Try again"),
        (SessionFull, "Session is full"),
        (partial(RateLimited, 60), "Too many requests. Try again later"),
    ],
)
def test_every_refusal_has_its_sentence(refusal: Callable[[], Refusal], sentence: str):
    assert str(refusal()) == sentence


def test_an_invalid_request_has_the_sentence_of_its_first_field_and_all_fields():
    fields = FieldError("a", "a is required"), FieldError("b", "b is odd")

    error = InvalidRequest(*fields)

    assert (str(error), error.fields) == ("a is required", fields)


def test_temporary_refusals_have_the_seconds_to_wait():
    assert (RateLimited(60).retry_after_s, ServiceUnavailable().retry_after_s) == (60, 1)
    assert WriteConflict().retry_after_s == 1
