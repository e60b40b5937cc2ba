"""Presigned URLs: who has signed them, and until when they are valid."""

from datetime import UTC, datetime

import pytest

from scripts.local.aws.signed_urls import has_expired, signature

SIGNED_AT = datetime(2026, 11, 29, 8, 0, 0, tzinfo=UTC)
URL = (
    "http://127.0.0.1:5000/voice/a%231/1/es.mp3?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=speak_captions%2F20261129%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261129T080000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
)


@pytest.mark.parametrize(
    ("now", "expired"),
    [
        (SIGNED_AT, False),
        (SIGNED_AT.replace(minute=9, second=59), False),
        (SIGNED_AT.replace(minute=10), True),
        (SIGNED_AT.replace(day=30), True),
    ],
)
def test_a_url_is_valid_for_as_long_as_it_says(now: datetime, expired: bool):
    assert has_expired(URL, now) is expired


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("X-Amz-Date=20261129T080000Z&", ""),
        ("X-Amz-Date=20261129T080000Z", "X-Amz-Date=today"),
        ("X-Amz-Expires=600", "X-Amz-Expires=long"),
        ("X-Amz-Expires=600&", ""),
    ],
)
def test_a_url_without_a_time_that_can_be_read_is_not_valid(part: str, instead: str):
    assert has_expired(URL.replace(part, instead), SIGNED_AT)


def test_other_urls_do_not_expire_and_have_no_signer():
    url = URL.partition("?")[0]

    assert not has_expired(url, SIGNED_AT)
    assert signature(url) == ""


def test_the_signer_is_named_as_in_a_header():
    assert signature(URL) == "Credential=speak_captions/20261129/us-east-1/s3/aws4_request"
