"""CORS as an HTTP API does it: from the API's configuration alone, whatever functions say.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.local.config.http_api import Cors


def preflight_headers(cors: "Cors", origin: str | None) -> dict[str, str]:
    """Return the headers of the answer to OPTIONS; none for an origin that is not allowed."""
    headers = response_headers(cors, origin)
    if not headers:
        return {}
    if cors.allow_methods:
        headers["access-control-allow-methods"] = ",".join(cors.allow_methods)
    if cors.allow_headers:
        headers["access-control-allow-headers"] = ",".join(cors.allow_headers)
    if cors.max_age is not None:
        headers["access-control-max-age"] = str(cors.max_age)
    return headers


def response_headers(cors: "Cors", origin: str | None) -> dict[str, str]:
    """Return what is added to every answer to a request from `origin`; none when it is not allowed."""
    if origin is None or not _allows(cors, origin):
        return {}
    headers = {"access-control-allow-origin": "*" if "*" in cors.allow_origins else origin}
    if cors.allow_credentials:
        headers["access-control-allow-credentials"] = "true"
    if cors.expose_headers:
        headers["access-control-expose-headers"] = ",".join(cors.expose_headers)
    return headers


def _allows(cors: "Cors", origin: str) -> bool:
    scheme, _, _ = origin.partition("://")
    return not {"*", f"{scheme}://*", origin}.isdisjoint(cors.allow_origins)
