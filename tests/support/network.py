"""What a network does to the requests of the SDK: a response is lost, or a request arrives late."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ReadTimeoutError

Send = Callable[[], None]
"""Delivers a request that was held back; its response is ignored."""


class Network:
    """Between a client and DynamoDB, be that moto or a server. Nothing happens unless it is planned."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._plans: list[tuple[str, bool]] = []
        self._delivering = False
        self.late: list[Send] = []
        client.meta.events.register_first("before-send.dynamodb", self._before_send)

    def close(self) -> None:
        """Leave the requests of the client alone."""
        self._client.meta.events.unregister("before-send.dynamodb", self._before_send)

    def lose_response(self, operation: str) -> None:
        """Deliver the next request of this operation, but not its response: the SDK sends it again."""
        self._plans.append((operation, True))

    def delay(self, operation: str) -> None:
        """Hold back the next request of this operation in `late`: the SDK sends it again."""
        self._plans.append((operation, False))

    def _before_send(self, request: Any, event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        plan = next((plan for plan in self._plans if plan[0] == operation), None)
        if plan is None or self._delivering:
            return
        self._plans.remove(plan)

        def deliver() -> None:
            self._delivering = True
            try:
                # moto is one of the event's handlers and returns the response.
                responses = [
                    response for _, response in self._client.meta.events.emit(event_name, request=request)
                ]
                if responses == [None] * len(responses):
                    self._client._endpoint.http_session.send(request)
            finally:
                self._delivering = False

        if plan[1]:
            deliver()
        else:
            self.late.append(deliver)
        raise ReadTimeoutError(endpoint_url="dynamodb")
