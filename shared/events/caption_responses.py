"""Responses of GET /sessions/{sessionId}/captions: JSON or WebVTT, as the header Accept asks.

https://www.rfc-editor.org/rfc/rfc9110#name-accept
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from shared.captions import webvtt
from shared.captions.list import ListedCaptions
from shared.captions.messages import caption_view
from shared.errors import NotAcceptable
from shared.events.http_api import Request, Response

JSON = "application/json"
MEDIA_TYPES = (JSON, webvtt.MEDIA_TYPE)
"""What the route can return; of types that a client likes equally, the first."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9a-z-]+"  # noqa: S105  # of RFC 9110
_RANGE = re.compile(rf"({_TOKEN})/({_TOKEN})")
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def media_type(request: Request) -> str:
    """Return the one of MEDIA_TYPES that the client prefers. Raises NotAcceptable if it accepts none."""
    header = request.headers.get("accept", "").strip()
    if not header:
        return JSON
    weights = _weights(header)
    preferred = max(MEDIA_TYPES, key=lambda type_: _weight(type_, weights))
    if not _weight(preferred, weights):
        raise NotAcceptable(MEDIA_TYPES)
    return preferred


def listed(listed: ListedCaptions, media_type: str) -> Response:
    """Return 200 with a page of captions, and where the next page is unless this is the last one."""
    headers = {"Cache-Control": "max-age=1", "Vary": "Accept"}
    session, language, page = listed.session, listed.language, listed.page
    if media_type == JSON:
        body: dict[str, object] = {
            "sessionId": session.id,
            "language": language,
            "captions": [caption_view(stored, language) for stored in page.captions],
        }
        if page.next_after is not None:
            body["nextAfter"] = page.next_after
        return Response(200, body, headers)
    if page.next_after is not None:
        query = urlencode({"language": language, "after": page.next_after, "limit": listed.limit})
        headers["Link"] = f'</sessions/{session.id}/captions?{query}>; rel="next"'
    text = webvtt.document(page.captions, language, zero=session.created_at, following=page.next)
    return Response(
        200, headers={"Content-Type": f"{webvtt.MEDIA_TYPE}; charset=utf-8", **headers}, text=text
    )


def _weights(header: str) -> Mapping[str, float]:
    """Return the weight of each media range in the header; ranges that are not well-formed are left out."""
    weights = {}
    for part in header.lower().split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        if _RANGE.fullmatch(media_range) and _WEIGHT.fullmatch(weight):
            weights[media_range] = float(weight)
    return weights


def _weight(media_type: str, weights: Mapping[str, float]) -> float:
    """Return the weight of the most specific range that has the type, 0 if none has."""
    main = media_type.partition("/")[0]
    return next((weights[one] for one in (media_type, f"{main}/*", "*/*") if one in weights), 0)
