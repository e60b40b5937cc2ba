"""A stand-in for the SDK's client of API Gateway's management API (@connections)."""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

CODES = {410: "GoneException", 429: "LimitExceededException", 403: "ForbiddenException"}


def client_error(status: int, operation: str = "PostToConnection") -> ClientError:
    """Return the exception that the SDK raises for this status."""
    return ClientError(
        {"Error": {"Code": CODES.get(status, str(status))}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


class FakeManagementApi:
    """Keeps the ids of open connections and the messages sent to each, oldest first.

    `before` and `after` are called with the operation ("post" or "close") and the connection id before and
    after each call; `before` may raise the call's exception.
    """

    def __init__(self, *open_ids: str) -> None:
        self.open = set(open_ids)
        self.closed_by_server: list[str] = []
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.calls: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda operation, connection_id: None
        self.after: Callable[[str, str], None] = lambda operation, connection_id: None

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:  # noqa: N803  # the SDK's names
        self._begin("post", ConnectionId)
        self.messages.setdefault(ConnectionId, []).append(json.loads(Data))
        self.after("post", ConnectionId)

    def delete_connection(self, *, ConnectionId: str) -> None:  # noqa: N803
        self._begin("close", ConnectionId)
        self.open.remove(ConnectionId)
        self.closed_by_server.append(ConnectionId)
        self.after("close", ConnectionId)

    def _begin(self, operation: str, connection_id: str) -> None:
        self.calls.append((operation, connection_id))
        self.before(operation, connection_id)
        if connection_id not in self.open:
            raise client_error(410)
