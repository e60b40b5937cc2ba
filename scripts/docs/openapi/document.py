"""The document itself: operations, answers and schemas put together as OpenAPI 3.1 has it."""

from collections.abc import Mapping

from scripts.docs.openapi.answers import possible
from scripts.docs.openapi.operations import OPERATIONS, Answer, Operation
from scripts.docs.openapi.samples import CREATED_AT, CURSOR, SESSION, version
from scripts.docs.openapi.schemas import Json, schemas
from shared.events import http_api
from shared.events.http_api import Response
from shared.sessions.list import DEFAULT_LIMIT, MAX_LIMIT

DESCRIPTION = """\
Sessions for live translation. A speaker opens a session and reads its id aloud; listeners look it up by it.

Errors have one of two shapes. What the service answers is `Error` (`ValidationError` on 400): it has a \
stable `code`. What API Gateway answers before or instead of the service is `GatewayError`: it has a \
`message` alone. A path or method that is not listed here is 404 `{"message": "Not Found"}`.

API Gateway answers CORS preflights (`OPTIONS`) itself, and adds the CORS headers to every response."""


HEADERS: Mapping[str, Json] = {
    "Location": {"description": "Path of the new session.", "schema": {"type": "string"}},
    "ETag": {
        "description": "The version of the session, for `If-Match` and `If-None-Match`.",
        "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
    },
    "Cache-Control": {"description": "How long the answer may be kept.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "`Bearer`, and what is wrong.", "schema": {"type": "string"}},
}

PARAMETERS: Mapping[str, Json] = {
    "sessionId": {
        "in": "path",
        "required": True,
        "description": "The readable id. One that does not match the pattern is 404.",
        "schema": {"$ref": "#/components/schemas/SessionId"},
        "example": SESSION.id,
    },
    "status": {
        "in": "query",
        "description": "Sessions of this status alone.",
        "schema": {"$ref": "#/components/schemas/Status"},
        "example": "active",
    },
    "limit": {
        "in": "query",
        "description": "How many sessions a page has at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "example": DEFAULT_LIMIT,
    },
    "cursor": {
        "in": "query",
        "description": "`nextCursor` of the page before, for the same speaker and status. It says nothing "
        "to clients, and one that was not given to this speaker is 400.",
        "schema": {"type": "string"},
        "example": CURSOR,
    },
    "Idempotency-Key": {
        "in": "header",
        "description": "The same speaker, key and body get the first session back, so a request whose "
        "answer was lost can be sent again. Use a fresh UUID for each session.",
        "schema": {"type": "string", "pattern": f"^{http_api.IDEMPOTENCY_KEY.pattern}$"},
        "example": "5f0c8f0e-2b1d-4b53-9d0f-0d8c5f8f7a51",
    },
    "If-Match": {
        "in": "header",
        "description": "Write only if the session still has one of these ETags, at most "
        f"{http_api.MAX_ETAGS}; `*` is any. Absent: write in any case.",
        "schema": {"type": "string"},
        "example": f'"{SESSION.version}"',
    },
    "If-None-Match": {
        "in": "header",
        "description": "304 without a body if the session still has one of these ETags; `*` is any.",
        "schema": {"type": "string"},
        "example": f'"{SESSION.version}"',
    },
    "traceparent": {
        "in": "header",
        "description": "W3C trace context. It is logged when well-formed and ignored otherwise.",
        "schema": {"type": "string"},
        "example": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    },
}


def document() -> Json:
    """The whole document."""
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        method, path = operation.route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Session service", "version": version(), "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "sessions", "description": "Open, look up, change and end sessions."},
            {"name": "health", "description": "For operators and probes."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "parameters": {name: {"name": name, **parameter} for name, parameter in PARAMETERS.items()},
            "securitySchemes": {
                "speaker": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An id or access token that the service's Cognito user pool gave.",
                }
            },
        },
    }


def _operation(operation: Operation) -> Json:
    made: Json = {
        "operationId": operation.function,
        "tags": [operation.route.split("/")[1]],
        "summary": operation.summary,
        "description": operation.description,
        "security": [{"speaker": []}] if operation.signed_in else [],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters],
    }
    if operation.body:
        made["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _reference(operation.body.__name__),
                    "examples": {name: {"value": value} for name, value in (operation.bodies or {}).items()},
                }
            },
        }
    by_status: dict[int, list[Answer]] = {}
    for answer in possible(operation):
        by_status.setdefault(answer.response.status, []).append(answer)
    made["responses"] = {str(status): _response(by_status[status]) for status in sorted(by_status)}
    if operation.links:
        made["responses"]["201"]["links"] = {
            function: {"operationId": function, "parameters": {"sessionId": "$response.body#/sessionId"}}
            for function in operation.links
        }
    return made


def _response(answers: list[Answer]) -> Json:
    """One status: every body that it may have, and the headers that all or some of them come with."""
    made: Json = {"description": " ".join(answer.meaning for answer in answers)}
    names = dict.fromkeys(name for answer in answers for name in answer.response.headers)
    if names:
        made["headers"] = {
            name: {
                **HEADERS[name],
                "required": all(name in answer.response.headers for answer in answers),
                "example": _header_example(name, answers),
            }
            for name in names
        }
    schemas = list(dict.fromkeys(answer.schema for answer in answers if answer.schema))
    if schemas:
        references = [_reference(schema) for schema in schemas]
        made["content"] = {
            "application/json": {
                "schema": references[0] if len(references) == 1 else {"oneOf": references},
                "examples": {answer.name: {"value": _example(answer.response)} for answer in answers},
            }
        }
    return made


def _header_example(name: str, answers: list[Answer]) -> str | int:
    value = next(answer.response.headers[name] for answer in answers if name in answer.response.headers)
    return int(value) if HEADERS[name]["schema"]["type"] == "integer" else value


def _example(response: Response) -> Json:
    # The one thing that differs from run to run.
    return {
        name: CREATED_AT if name == "timestamp" else value for name, value in (response.body or {}).items()
    }


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}
