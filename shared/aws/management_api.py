"""The open WebSockets, through API Gateway's @connections: what can be sent to one, and how one is closed."""

import json
from typing import TYPE_CHECKING

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from shared.audience.messages import Message
from shared.audience.notifier import PARALLEL
from shared.aws.errors import faults_told_apart, reason

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

# What has been told to a client that reads slowly is not waited for: API Gateway buffers it.
BOUNDED = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=PARALLEL,
    parameter_validation=False,
)


def make_client(endpoint: str) -> "ApiGatewayManagementApiClient":
    """A client for one stage of a WebSocket API: https://<api>.execute-api.<region>.amazonaws.com/<stage>."""
    session = botocore.session.get_session()
    return session.create_client("apigatewaymanagementapi", endpoint_url=endpoint, config=BOUNDED)  # type: ignore[return-value]


class WebSocketConnections:
    """The domain's Sockets. Raises TryAgainLater when API Gateway has too much to do, or does not answer."""

    def __init__(self, client: "ApiGatewayManagementApiClient") -> None:
        self._client = client

    def post(self, connection_id: str, message: Message) -> bool:
        """PostToConnection; False for 410 Gone."""
        data = json.dumps(message, separators=(",", ":")).encode()
        with faults_told_apart():
            try:
                self._client.post_to_connection(ConnectionId=connection_id, Data=data)
            except ClientError as error:
                return _gone(error)
        return True

    def close(self, connection_id: str) -> None:
        """DeleteConnection; 410 Gone is as good."""
        with faults_told_apart():
            try:
                self._client.delete_connection(ConnectionId=connection_id)
            except ClientError as error:
                _gone(error)


def _gone(error: ClientError) -> bool:
    """False, for no connection is there; other errors are raised again."""
    if reason(error) != "GoneException":
        raise error
    return False
