"""GET /sessions: the signed-in speaker's own sessions, newest first."""

from shared import wiring_listing
from shared.events import http_api

LISTING = wiring_listing.listing()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    speaker = request.subject
    status, limit, cursor = request.listing
    sessions, next_cursor = LISTING.list(speaker=speaker, status=status, limit=limit, cursor=cursor)
    return http_api.listed(sessions, next_cursor)
