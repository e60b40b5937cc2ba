"""Who gets what: each route times each kind of caller, as tests ask for it and docs/security.md shows it.

python -m tests.system.security_matrix writes the table into the page; --check says whether it is there.
"""

import sys

from scripts.docs.generated import with_part, write_or_check
from scripts.project import ROOT

PAGE = ROOT / "docs" / "security.md"
REFUSED_BEFORE = "-"

ROUTES = (
    "POST /sessions",
    "GET /sessions",
    "GET /sessions/{sessionId}",
    "PATCH /sessions/{sessionId}",
    "DELETE /sessions/{sessionId}",
    "GET /health",
    "$connect to listen",
    "$connect to speak",
    "heartbeat",
    "$default",
)

# What each caller sends as Authorization, and what each route answers, in the order of ROUTES. The session is
# the owner's. 101 is a WebSocket that opens, and the last two columns are the types of the answers over it.
_TABLE = """
nothing                                | 401 401 200 401 401 200 101 400 heartbeatAck error
an empty header                        | 401 401 200 401 401 200 401 401 - -
`Bearer` alone                         | 401 401 200 401 401 200 401 401 - -
no token at all                        | 401 401 200 401 401 200 401 401 - -
three parts of nothing                 | 401 401 200 401 401 200 401 401 - -
another scheme                         | 401 401 200 401 401 200 401 401 - -
expired                                | 401 401 200 401 401 200 401 401 - -
without an end                         | 401 401 200 401 401 200 401 401 - -
`nbf` in the future                    | 401 401 200 401 401 200 401 401 - -
`iat` in the future                    | 401 401 200 401 401 200 401 401 - -
wrong client                           | 401 401 200 401 401 200 401 401 - -
wrong audience, right client           | 401 401 200 401 401 200 401 401 - -
neither audience nor client            | 401 401 200 401 401 200 401 401 - -
wrong issuer                           | 401 401 200 401 401 200 401 401 - -
without an issuer                      | 401 401 200 401 401 200 401 401 - -
without a subject                      | 401 401 200 401 401 200 401 401 - -
an empty subject                       | 401 401 200 401 401 200 401 401 - -
`alg` none                             | 401 401 200 401 401 200 401 401 - -
HS256 with the public key              | 401 401 200 401 401 200 401 401 - -
another's key under our key id         | 401 401 200 401 401 200 401 401 - -
an unknown key id                      | 401 401 200 401 401 200 401 401 - -
other claims under the signature       | 401 401 200 401 401 200 401 401 - -
the signature cut off                  | 401 401 200 401 401 200 401 401 - -
a refresh token                        | 401 401 200 401 401 200 401 401 - -
another client's access token          | 401 401 200 401 401 200 401 401 - -
another pool's access token            | 401 401 200 401 401 200 401 401 - -
another speaker's access token         | 201 200 200 403 403 200 101 400 heartbeatAck error
the owner's access token               | 201 200 200 200 204 200 101 101 heartbeatAck error
the owner's id token                   | 201 200 200 200 204 200 101 101 heartbeatAck error
the owner's, `bearer` in small letters | 201 200 200 200 204 200 101 101 heartbeatAck error
the owner's, without a scheme          | 201 200 200 200 204 200 101 101 heartbeatAck error
forged from the owner's without a fault | 201 200 200 200 204 200 101 101 heartbeatAck error
"""

MATRIX: dict[str, dict[str, str]] = {
    caller.strip(): dict(zip(ROUTES, answers.split(), strict=True))
    for caller, answers in (line.split("|") for line in _TABLE.strip().splitlines())
}
"""What each caller gets at each route."""


def markdown() -> str:
    """The table as the page shows it."""
    head = f"| caller sends | {' | '.join(f'`{route}`' for route in ROUTES)} |"
    rows = [f"| {caller} | {' | '.join(answers.values())} |" for caller, answers in MATRIX.items()]
    return "\n".join([head, "|---" * (len(ROUTES) + 1) + "|", *rows])


def main(arguments: list[str] | None = None) -> int:
    """Write the table, or with --check say whether the one that is there is this one; 0, or 1 if not."""
    page = with_part(PAGE.read_text(), "matrix", markdown())
    return write_or_check(PAGE, page, target="security", arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
