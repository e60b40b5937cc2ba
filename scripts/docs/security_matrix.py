"""The security matrix of docs/security.md: what each kind of caller gets at each route.

tests/system/test_security_matrix.py sends every combination to the running system.
"""

from scripts.docs import floods
from scripts.docs.markdown import replace_section
from scripts.project import ROOT

NO_CONNECTION = "-"
"""No message can be sent because the handshake was refused."""

HTTP_AND_HANDSHAKES = (
    "POST /sessions",
    "GET /sessions",
    "GET /sessions/{sessionId}",
    "GET /sessions/{sessionId}/captions",
    "PATCH /sessions/{sessionId}",
    "DELETE /sessions/{sessionId}",
    "GET /health",
    "$connect to listen",
    "$connect to speak",
)

MESSAGES = {
    "$connect to listen": {
        "heartbeat": "heartbeatAck",
        "$default": "UNKNOWN_ACTION",
        "joinSession": "sessionJoined",
        "changeLanguage": "languageChanged",
        "publishCaption to listen": "NOT_AUTHORIZED",
    },
    "$connect to speak": {
        "publishCaption to speak": "captionPublished",
    },
}
"""By the handshake that opens the connection: each message, and its answer's type, or its error's code."""

# The caller's Authorization header, then the status of each route, as HTTP_AND_HANDSHAKES orders them. 101
# opens a WebSocket.
_TABLE = """
no Authorization header                          | 401 401 200 200 401 401 200 101 400
an empty header                                  | 401 401 200 200 401 401 200 401 401
`Bearer` without a token                         | 401 401 200 200 401 401 200 401 401
`Bearer nonsense`                                | 401 401 200 200 401 401 200 401 401
`Bearer a.b.c`                                   | 401 401 200 200 401 401 200 401 401
the scheme `Basic`                               | 401 401 200 200 401 401 200 401 401
an expired token                                 | 401 401 200 200 401 401 200 401 401
no `exp` claim                                   | 401 401 200 200 401 401 200 401 401
`nbf` in the future                              | 401 401 200 200 401 401 200 401 401
`iat` in the future                              | 401 401 200 200 401 401 200 401 401
another `client_id`                              | 401 401 200 200 401 401 200 401 401
another `aud`, the right `client_id`             | 401 401 200 200 401 401 200 401 401
neither `aud` nor `client_id`                    | 401 401 200 200 401 401 200 401 401
another `iss`                                    | 401 401 200 200 401 401 200 401 401
no `iss` claim                                   | 401 401 200 200 401 401 200 401 401
no `sub` claim                                   | 401 401 200 200 401 401 200 401 401
an empty `sub` claim                             | 401 401 200 200 401 401 200 401 401
`alg` is `none`                                  | 401 401 200 200 401 401 200 401 401
HS256, signed with the public key                | 401 401 200 200 401 401 200 401 401
another key under the pool's key id              | 401 401 200 200 401 401 200 401 401
an unknown key id                                | 401 401 200 200 401 401 200 401 401
claims changed after signing                     | 401 401 200 200 401 401 200 401 401
the signature removed                            | 401 401 200 200 401 401 200 401 401
a refresh token                                  | 401 401 200 200 401 401 200 401 401
another client's access token                    | 401 401 200 200 401 401 200 401 401
another pool's access token                      | 401 401 200 200 401 401 200 401 401
another speaker's access token                   | 201 200 200 200 403 403 200 101 400
the owner's access token                         | 201 200 200 200 200 204 200 101 101
the owner's id token                             | 201 200 200 200 200 204 200 101 101
the owner's access token, scheme `bearer`        | 201 200 200 200 200 204 200 101 101
the owner's access token, no scheme              | 201 200 200 200 200 204 200 101 101
a copy of the owner's access token, signed anew  | 201 200 200 200 200 204 200 101 101
"""


def _row(responses: list[str]) -> dict[str, str]:
    """Return the responses by route, those to messages too: who may connect may send them."""
    row = dict(zip(HTTP_AND_HANDSHAKES, responses, strict=True))
    for handshake, answers in MESSAGES.items():
        for message, answer in answers.items():
            row[message] = answer if row[handshake] == "101" else NO_CONNECTION
    return row


MATRIX: dict[str, dict[str, str]] = {
    caller.strip(): _row(responses.split())
    for caller, responses in (line.split("|") for line in _TABLE.strip().splitlines())
}
"""The response by caller and route. The session belongs to the owner."""


def page() -> str:
    """Return docs/security.md with the current matrix and the current table of floods."""
    routes = list(next(iter(MATRIX.values())))
    head = f"| caller sends | {' | '.join(f'`{route}`' for route in routes)} |"
    rows = [f"| {caller} | {' | '.join(responses.values())} |" for caller, responses in MATRIX.items()]
    matrix = "\n".join([head, "|---" * (len(routes) + 1) + "|", *rows])
    text = replace_section((ROOT / "docs" / "security.md").read_text(), "matrix", matrix)
    return replace_section(text, "floods", floods.section())
