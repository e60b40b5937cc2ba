"""AWS calls, recorded where the SDK makes them: independent of who holds which client."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from botocore.client import BaseClient

from tests.support.tables import table_names


@contextmanager
def recorded_calls(responses: Mapping[str, Any] | None = None) -> Iterator[list[str]]:
    """Record every call as `<table>:<operation>` of DynamoDB, or as the operation of another service.

    A call of several tables is recorded once for each.

    Retries of the SDK do not count. Calls of other services are not sent; their response is that of their
    operation in `responses`, otherwise empty.
    """
    calls: list[str] = []
    send = BaseClient._make_api_call  # type: ignore[attr-defined]

    def record(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "dynamodb":
            calls.append(operation)
            return (responses or {}).get(operation, {})
        calls.extend(f"{table}:{operation}" for table in table_names(parameters))
        return send(client, operation, parameters)

    with mock.patch.object(BaseClient, "_make_api_call", record):
        yield calls
