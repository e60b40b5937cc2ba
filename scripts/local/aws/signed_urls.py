"""Presigned URLs of S3: moto serves them however old they are.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit


def signature(url: str) -> str:
    """Return the parameters of a presigned URL as they are in an Authorization header; empty for others."""
    parameters = parse_qs(urlsplit(url).query)
    return f"Credential={parameters['X-Amz-Credential'][0]}" if "X-Amz-Credential" in parameters else ""


def has_expired(url: str, now: datetime) -> bool:
    """Return whether the URL is presigned and no longer valid; a time that cannot be read is not valid."""
    parameters = parse_qs(urlsplit(url).query)
    if "X-Amz-Credential" not in parameters:
        return False
    try:
        signed_at = datetime.strptime(parameters["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lifetime = timedelta(seconds=int(parameters["X-Amz-Expires"][0]))
    except (KeyError, ValueError):
        return True
    return now >= signed_at + lifetime
