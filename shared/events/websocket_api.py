"""The WebSocket API: events become requests and messages, exceptions become statuses and error messages.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from shared.audience.connection import read_target_language
from shared.clock import now_ms
from shared.errors import (
    FieldError,
    InvalidRequest,
    NotAuthorized,
    RateLimited,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
    SessionNotFound,
    SessionPaused,
)
from shared.events import api_gateway
from shared.events.api_gateway import Event, GatewayEvent, ModelT, read_body, read_object
from shared.events.api_gateway import Response as Response
from shared.events.authorizer import Asks
from shared.sessions.session import Language

if TYPE_CHECKING:
    from shared.audience.messages import ErrorMessage

Answer = Mapping[str, object]
"""A message that is the answer to a client's message."""

# Of the response to $connect only the status reaches a client, and a browser does not even expose that.
ERRORS: api_gateway.ErrorTable = {
    InvalidRequest: (400, "INVALID_REQUEST"),
    SessionNotFound: (404, "SESSION_NOT_FOUND"),
    SessionEnded: (410, "SESSION_ENDED"),
    RateLimited: (429, "RATE_LIMITED"),
    SessionFull: (503, "SESSION_FULL"),
    ServiceUnavailable: (503, "SERVICE_UNAVAILABLE"),
    Exception: (500, "INTERNAL_ERROR"),
}

# Of the answer to a message only the code reaches a client; the status is logged.
MESSAGE_ERRORS: api_gateway.ErrorTable = {
    InvalidRequest: (400, "INVALID_MESSAGE"),
    NotAuthorized: (403, "NOT_AUTHORIZED"),
    SessionNotFound: (404, "SESSION_NOT_FOUND"),
    SessionPaused: (409, "SESSION_PAUSED"),
    SessionEnded: (410, "SESSION_ENDED"),
    RateLimited: (429, "RATE_LIMITED"),
    ServiceUnavailable: (503, "SERVICE_UNAVAILABLE"),
    Exception: (500, "INTERNAL_ERROR"),
}

# AWS does not document that a message {"action": "$disconnect"} cannot select the route of this name.
EVENT_TYPES = {"$connect": "CONNECT", "$disconnect": "DISCONNECT"}


class Request(GatewayEvent):
    """An event of a connection. The authorizer's context is part of every event."""

    @property
    def caller(self) -> str | None:
        """The `sub` claim of the token that the authorizer has verified, None for an anonymous caller."""
        return self._authorizer.get("subject") or None

    @property
    def session_id(self) -> str:
        """The query parameter `sessionId` of the handshake. Raises InvalidRequest."""
        session_id = self._authorizer.get("sessionId")
        if not session_id:
            raise InvalidRequest(FieldError("sessionId", "sessionId is required"))
        return str(session_id)

    @property
    def connection_id(self) -> str:
        """API Gateway's id of the connection."""
        return str(self.context["connectionId"])

    @property
    def source_address(self) -> str:
        """The client's IP address. Never log it."""
        return str(self.context["identity"]["sourceIp"])

    @property
    def target_language(self) -> Language | None:
        """The query parameter `targetLanguage`, None if it is absent. Raises InvalidRequest."""
        value = (self.event.get("queryStringParameters") or {}).get("targetLanguage")
        return None if value is None else read_target_language(value)

    def check_event_type(self) -> None:
        """Raise InvalidRequest when a client's message has selected the route of a connection's own event."""
        if self.context.get("eventType") != EVENT_TYPES.get(self.route, "MESSAGE"):
            raise InvalidRequest(FieldError("action", f"{self.route} is not an action"))

    @property
    def _authorizer(self) -> Mapping[str, Any]:
        return self.context.get("authorizer") or {}


class Message(Request):
    """A client's message on a two-way route: the response of the function is the answer.

    What a connection may do comes from the authorizer's context alone, never from the message.
    """

    @property
    def speaker(self) -> str | None:
        """The subject that must own the session. Raises NotAuthorized for a connection that listens."""
        if self._authorizer.get("asks") != Asks.SPEAK or not self.caller:
            raise NotAuthorized(self.route)
        return self.caller

    @property
    def listener(self) -> str:
        """The id of a connection that listens. Raises NotAuthorized for the speaker's."""
        if self._authorizer.get("asks") != Asks.LISTEN:
            raise NotAuthorized(self.route)
        return self.connection_id

    @property
    def session_id(self) -> str:
        """The connection's session. Raises InvalidRequest if the message names another one."""
        if errors := list(self._session_errors()):
            raise InvalidRequest(*errors)
        return super().session_id

    def json(self, model: type[ModelT]) -> ModelT:
        """Return the message as a model. Raises InvalidRequest, which lists every invalid field."""
        errors = list(self._session_errors())
        try:
            value = model.parse(self.values)
        except InvalidRequest as invalid:
            raise InvalidRequest(*errors, *invalid.fields) from None
        if errors:
            raise InvalidRequest(*errors)
        return value

    @functools.cached_property
    def values(self) -> dict[str, Any]:
        """The fields of the message, not validated. Raises InvalidRequest."""
        return read_object(read_body(self.event))

    def answer(self, status: int, message: Answer) -> Response:
        """Return the answer, whose body API Gateway sends to the client. The status is logged only."""
        return _MessageResponse(status, message)

    def _session_errors(self) -> Iterator[FieldError]:
        if self.values.get("sessionId", super().session_id) != super().session_id:
            yield FieldError("sessionId", "sessionId must be the connection's own")


class Invocation(Message):
    """A message without a connection: the event of an invocation that IAM has authorized.

    API Gateway sets `requestContext` in each of its events, so a client cannot make one.
    """

    def __init__(self, message: object, action: str) -> None:
        super().__init__({})
        self._message = message
        self._action = action

    @property
    def route(self) -> str:
        """The action of the same message on a connection."""
        return self._action

    @property
    def speaker(self) -> None:
        """None: the caller may speak in every session."""
        return None

    @property
    def session_id(self) -> str:
        """The field `sessionId`. Raises InvalidRequest."""
        if errors := list(self._session_errors()):
            raise InvalidRequest(*errors)
        return str(self.values["sessionId"])

    @functools.cached_property
    def values(self) -> dict[str, Any]:
        """The fields of the event, not validated. Raises InvalidRequest."""
        if not isinstance(self._message, dict):
            raise InvalidRequest(FieldError("body", "Request body must be a JSON object"))
        return self._message

    def check_event_type(self) -> None:
        """Accept every invocation: it is no event of a connection."""

    def answer(self, status: int, message: Answer) -> Response:
        """Return the answer; the caller of Invoke receives it as a JSON object."""
        return _InvocationResponse(status, message)

    def _session_errors(self) -> Iterator[FieldError]:
        if "sessionId" not in self.values:
            yield FieldError("sessionId", "sessionId is required")
        elif not isinstance(self.values["sessionId"], str):
            yield FieldError("sessionId", "sessionId must be text")


class _MessageResponse(Response):
    def to_api_gateway(self) -> dict[str, Any]:
        return {"statusCode": 200, "body": json.dumps(self.body, separators=(",", ":"))}


class _InvocationResponse(Response):
    def to_api_gateway(self) -> dict[str, Any]:
        return dict(cast("Answer", self.body))


def endpoint(handler: Callable[[Request], Response]) -> Callable[[Event, Any], dict[str, Any]]:
    """Make the Lambda handler of a WebSocket route; it refuses events of another type than the route's."""

    @functools.wraps(handler)
    def checked(request: Request) -> Response:
        request.check_event_type()
        return handler(request)

    return api_gateway.endpoint(checked, Request, error_response)


def message(handler: Callable[[Message], Answer]) -> Callable[[Event, Any], dict[str, Any]]:
    """Make the Lambda handler of a two-way route of a function that returns the answer.

    A refusal is answered with an ErrorMessage.
    """
    return _answering(handler, Message)


def message_or_invocation(
    action: str,
) -> Callable[[Callable[[Message], Answer]], Callable[[Event, Any], dict[str, Any]]]:
    """Make the Lambda handler of the two-way route of an action, which IAM may authorize to invoke too.

    The event of an invocation is the message itself, and its result is the answer.
    """

    def read(event: Event) -> Message:
        if isinstance(event, Mapping) and "requestContext" in event:
            return Message(event)
        return Invocation(event, action)

    return lambda handler: _answering(handler, read)


def error_response(error: Exception, request: Request) -> Response:
    """Return the response to a handshake that is refused."""
    return api_gateway.error_response(error, request, ERRORS)


def error_message(error: Exception, message: Message) -> "tuple[int, ErrorMessage]":
    """Return the status to log and the answer to a message that is not carried out."""
    status, code, sentence = api_gateway.describe_error(error, MESSAGE_ERRORS)
    answer: ErrorMessage = {
        "type": "error",
        "code": code,
        "message": sentence,
        "action": message.route,
        "timestamp": now_ms(),
    }
    if (sequence := _sequence(message)) is not None:
        answer["sequence"] = sequence
    if isinstance(error, RateLimited | ServiceUnavailable):
        answer["retryAfter"] = error.retry_after_s
    if isinstance(error, InvalidRequest):
        answer["details"] = [{"field": field, "message": text} for field, text in error.fields]
    return status, answer


def accepted(headers: Mapping[str, str] | None = None) -> Response:
    """Return 200 with these headers. It opens the WebSocket if it is the response to $connect."""
    return Response(200, headers=headers or {})


def _answering(
    handler: Callable[[Message], Answer], read: Callable[[Event], Message]
) -> Callable[[Event, Any], dict[str, Any]]:
    @functools.wraps(handler)
    def checked(message: Message) -> Response:
        message.check_event_type()
        return message.answer(200, handler(message))

    def refused(error: Exception, message: Message) -> Response:
        return message.answer(*error_message(error, message))

    return api_gateway.endpoint(checked, read, refused)


def _sequence(message: Message) -> int | None:
    try:
        sequence = message.values.get("sequence")
    except InvalidRequest:
        return None
    return sequence if type(sequence) is int else None
