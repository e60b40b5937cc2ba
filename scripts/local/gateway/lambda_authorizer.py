"""The Lambda authorizer of $connect: invoke it, and evaluate the policy and the context that it returns.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

import json
import time
from fnmatch import fnmatchcase
from typing import Any

from scripts.local.config.websocket_api import Authorizer
from scripts.local.gateway import websocket_events
from scripts.local.gateway.chain import GatewayError
from scripts.local.gateway.integration import NotPermitted, invoke_function
from scripts.local.gateway.websocket_exchange import WebSocketExchange
from scripts.local.lambda_.invocation import Functions, Result, Throttled, TooLarge

ACTION = "execute-api:Invoke"
TIMEOUT_SECONDS = 29.0


class Unauthorized(Exception):
    """The authorizer failed with exactly this word."""


class Denied(Exception):
    """The policy does not allow the call."""


class MalformedResponse(Exception):
    """The authorizer failed otherwise, or its response has not the form that API Gateway expects."""


_ERRORS = {
    Unauthorized: (401, "Unauthorized", "UnauthorizedException"),
    Denied: (403, "Forbidden", "ForbiddenException"),
    **dict.fromkeys(
        (MalformedResponse, NotPermitted, Throttled, TooLarge, TimeoutError),
        (500, "Internal server error", "AuthorizerConfigurationException"),
    ),
}


class LambdaAuthorizer:
    """Authorizes handshakes by the function that is the API's authorizer, if it has one."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    async def authorize(self, exchange: WebSocketExchange) -> None:
        """Keep the authorizer's context for all events of the connection; 401, 403 or 500 when it refuses."""
        if exchange.api.authorizer is None:
            return
        started = time.monotonic()
        try:
            context = await self._context(exchange, exchange.api.authorizer)
        except tuple(_ERRORS) as error:
            exchange.log["authorizer.error"] = str(error) or type(error).__name__
            raise GatewayError(*_ERRORS[type(error)]) from None
        latency = int((time.monotonic() - started) * 1_000)
        exchange.connection.authorizer = {**context, "integrationLatency": latency}

    async def _context(self, exchange: WebSocketExchange, authorizer: Authorizer) -> dict[str, Any]:
        if not authorizer.permitted:
            raise NotPermitted(f"No permission to invoke {authorizer.function}")
        event = websocket_events.authorizer_event(exchange)
        result = await invoke_function(self._functions, authorizer.function, event, limit=TIMEOUT_SECONDS)
        return parse_result(result, event["methodArn"])


def parse_result(result: Result, method_arn: str) -> dict[str, Any]:
    """Return the context, with every value as a string. Raises Unauthorized, Denied or MalformedResponse."""
    try:
        response = json.loads(result.payload)
        if result.error:
            if response["errorMessage"] == "Unauthorized":
                raise Unauthorized
            raise MalformedResponse(result.error)
        principal, statements = response["principalId"], response["policyDocument"]["Statement"]
        context = response.get("context") or {}
        plain = all(isinstance(value, str | int | float) for value in context.values())
        if not isinstance(principal, str) or not plain:
            raise MalformedResponse("principalId is not a string, or a value of the context is not plain")
        if not _allows(statements, method_arn):
            raise Denied
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise MalformedResponse(f"not the response of an authorizer: {problem!r}") from None
    return {"principalId": principal, **{name: _as_string(value) for name, value in context.items()}}


def _allows(statements: object, arn: str) -> bool:
    effects = {
        statement["Effect"]
        for statement in _as_list(statements)
        if any(fnmatchcase(ACTION.lower(), action.lower()) for action in _as_list(statement["Action"]))
        and any(fnmatchcase(arn, resource) for resource in _as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_string(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
