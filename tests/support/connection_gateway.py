"""API Gateway's side of WebSockets: a stand-in for the client of @connections, over connections in memory."""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

CODES = {410: "GoneException", 429: "LimitExceededException", 403: "ForbiddenException"}


def fault(status: int, operation: str = "PostToConnection") -> ClientError:
    """Return what the SDK raises for this status."""
    return ClientError(
        {"Error": {"Code": CODES.get(status, str(status))}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


class Gateway:
    """The open connections, and what each has been told. `before` is called before each operation."""

    def __init__(self, *open_ids: str) -> None:
        self.open = set(open_ids)
        self.closed_by_server: list[str] = []
        self.told: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda operation, connection_id: None
        self.after: Callable[[str, str], None] = lambda operation, connection_id: None

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:  # noqa: N803  # the SDK's names
        self._arrive("post", ConnectionId)
        self.told.setdefault(ConnectionId, []).append(json.loads(Data))
        self.after("post", ConnectionId)

    def delete_connection(self, *, ConnectionId: str) -> None:  # noqa: N803
        self._arrive("close", ConnectionId)
        self.open.remove(ConnectionId)
        self.closed_by_server.append(ConnectionId)
        self.after("close", ConnectionId)

    def _arrive(self, operation: str, connection_id: str) -> None:
        self.asked.append((operation, connection_id))
        self.before(operation, connection_id)
        if connection_id not in self.open:
            raise fault(410)
