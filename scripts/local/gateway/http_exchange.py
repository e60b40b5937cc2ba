"""One request to an HTTP API on its way through the steps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from scripts.local.config.http_api import HttpApi, Route
from scripts.local.gateway.chain import Exchange, GatewayError
from scripts.local.gateway.received_request import ReceivedRequest


@dataclass(frozen=True)
class Response:
    """The response to the client."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()


@dataclass
class HttpExchange(Exchange):
    """A request and what the steps make of it. `path` is decoded, `authorizer` is for `requestContext`."""

    api: HttpApi
    received: ReceivedRequest
    stream: web.BaseRequest
    path: str = field(init=False)
    route: Route = field(init=False)
    path_parameters: Mapping[str, str] = field(init=False)
    authorizer: Mapping[str, Any] | None = field(init=False, default=None)
    body: bytes = field(init=False)
    response: Response | None = field(init=False, default=None)

    def fail(self, error: GatewayError) -> None:
        """Answer with the error's message as JSON."""
        body = json.dumps({"message": error.message}, separators=(",", ":")).encode()
        headers = [("content-type", "application/json"), *error.headers.items()]
        self.response = Response(error.status, body, headers)

    def log_variables(self, now: float) -> dict[str, object]:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html."""
        response = self.response or Response(500)
        return {
            "requestId": self.id,
            "requestTimeEpoch": int(self.at),
            "status": response.status,
            "responseLength": len(response.body),
            "responseLatency": int((now - self.at) * 1_000),
            **self.log,
        }
