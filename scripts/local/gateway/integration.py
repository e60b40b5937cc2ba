"""The AWS_PROXY integration: invoke the function of a route with the event.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from scripts.local.gateway.chain import Exchange, GatewayError
from scripts.local.lambda_.invocation import Functions, Result, Throttled, TooLarge


class NotPermitted(Exception):
    """No resource policy allows API Gateway to invoke the function."""


class FunctionFailed(Exception):
    """The function ended with an error."""


HTTP_ERRORS: Mapping[type[Exception], tuple[int, str]] = {
    NotPermitted: (500, "Internal Server Error"),
    FunctionFailed: (500, "Internal Server Error"),
    Throttled: (503, "Service Unavailable"),
    TimeoutError: (503, "Service Unavailable"),
    TooLarge: (413, "Request Entity Too Large"),
}
# AWS does not document the answer to a handshake whose function fails; 502 is this system's choice.
WEBSOCKET_ERRORS: Mapping[type[Exception], tuple[int, str]] = {
    NotPermitted: (500, "Internal server error"),
    FunctionFailed: (502, "Internal server error"),
    Throttled: (502, "Internal server error"),
    TimeoutError: (504, "Endpoint request timed out"),
    TooLarge: (502, "Internal server error"),
}


class Integration:
    """Invokes functions; `errors` are the status and message for each way to fail."""

    def __init__(self, functions: Functions, errors: Mapping[type[Exception], tuple[int, str]]) -> None:
        self._functions = functions
        self._errors = errors

    async def invoke(self, exchange: Exchange) -> None:
        """Invoke the function of the route and keep its result."""
        try:
            exchange.result = await self._result(exchange)
        except tuple(self._errors) as failure:
            status, message = self._errors[type(failure)]
            raise GatewayError(status, message, cause=str(failure) or type(failure).__name__) from None

    async def _result(self, exchange: Exchange) -> Result:
        route = exchange.route
        if not route.permitted:
            raise NotPermitted(f"No permission to invoke {route.function}")
        result = await invoke_function(
            self._functions, route.function, exchange.event, limit=route.timeout, trace_id=exchange.trace_id
        )
        if result.error:
            raise FunctionFailed(result.error)
        return result


async def invoke_function(
    functions: Functions, function: str, event: Mapping[str, Any], *, limit: float, trace_id: str = ""
) -> Result:
    """Invoke a function and wait for it; after `limit` seconds it continues, and its result is dropped.

    Raises TimeoutError, Throttled or TooLarge.
    """
    payload = json.dumps(event, separators=(",", ":")).encode()
    invocation = asyncio.ensure_future(functions.invoke(function, payload, trace_id=trace_id))
    done, _ = await asyncio.wait({invocation}, timeout=limit)
    if not done:
        invocation.add_done_callback(lambda late: late.cancelled() or late.exception())
        raise TimeoutError("The integration took too long")
    return invocation.result()
