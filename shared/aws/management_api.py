"""API Gateway's management API (@connections): send to an open WebSocket, and close one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import ClientError

from shared.audience.messages import encode
from shared.aws import dynamodb
from shared.aws.errors import error_code, logger, translate_errors
from shared.errors import ConnectionUnreachable

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient


# Posting does not block on slow readers: API Gateway buffers for them.
DEFAULT_CONFIG = dynamodb.DEFAULT_CONFIG.merge(Config(read_timeout=3))
# For callers that repeat a failed post themselves, and that must not wait long for one connection.
ONE_TRY_CONFIG = DEFAULT_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
# These concern one connection: https://docs.aws.amazon.com/apigatewaywebsocketapi/latest/APIReference/API_PostToConnection.html
UNREACHABLE = frozenset({400, 403, 413})


def create_client(
    endpoint: str, *, max_connections: int, config: Config = DEFAULT_CONFIG
) -> "ApiGatewayManagementApiClient":
    """Return a client for a stage: https://<api>.execute-api.<region>.amazonaws.com/<stage>.

    `max_connections` is the number of threads that use the client at once.
    """
    config = config.merge(Config(max_pool_connections=max_connections))
    return dynamodb.sdk_session().create_client(
        "apigatewaymanagementapi", endpoint_url=endpoint, config=config
    )  # type: ignore[return-value]


class ManagementApi:
    """The ConnectionGateway. Raises ServiceUnavailable when API Gateway throttles or does not answer.

    Raises ConnectionUnreachable when API Gateway rejects calls for this connection.
    """

    def __init__(self, client: "ApiGatewayManagementApiClient") -> None:
        self._client = client

    def post(self, connection_id: str, message: Mapping[str, object] | bytes) -> bool:
        """PostToConnection; False for 410 Gone."""
        data = message if isinstance(message, bytes) else encode(message)
        with translate_errors():
            try:
                self._client.post_to_connection(ConnectionId=connection_id, Data=data)
            except ClientError as error:
                _require_gone(error)
                return False
        return True

    def close(self, connection_id: str) -> None:
        """DeleteConnection; 410 Gone counts as success."""
        with translate_errors():
            try:
                self._client.delete_connection(ConnectionId=connection_id)
            except ClientError as error:
                _require_gone(error)


def _require_gone(error: ClientError) -> None:
    if error_code(error) == "GoneException":
        return
    if error.response["ResponseMetadata"]["HTTPStatusCode"] in UNREACHABLE:
        logger.error("A connection cannot be reached", extra={"reason": error_code(error)})
        raise ConnectionUnreachable from error
    raise error
