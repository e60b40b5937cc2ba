"""The rate limits table: one item per user and window."""

from typing import TYPE_CHECKING

from shared.aws.errors import AWS_ERRORS, error_code, is_condition_failed, logger
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class RateLimitsTable:
    """The UseStore on DynamoDB. Raises ServiceUnavailable for every fault of the table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def take(self, key: str, limit: int, expires_at: int) -> bool:
        """UpdateItem, if fewer than `limit` uses are counted under the key."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"limitKey": {"S": key}},
                UpdateExpression="SET expiresAt = :expires ADD uses :one",
                ConditionExpression="attribute_not_exists(uses) OR uses < :limit",
                ExpressionAttributeValues={
                    ":expires": {"N": str(expires_at)},
                    ":one": {"N": "1"},
                    ":limit": {"N": str(limit)},
                },
            )
        except AWS_ERRORS as error:
            if is_condition_failed(error):
                return False
            raise _unavailable(error) from error
        return True

    def give_back(self, key: str) -> None:
        """UpdateItem, if a use is counted under the key. It is sent once, so it counts at most one less."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"limitKey": {"S": key}},
                UpdateExpression="ADD uses :minus_one",
                ConditionExpression="uses > :zero",
                ExpressionAttributeValues={":minus_one": {"N": "-1"}, ":zero": {"N": "0"}},
            )
        except AWS_ERRORS as error:
            if not is_condition_failed(error):
                raise _unavailable(error) from error


def _unavailable(error: Exception) -> ServiceUnavailable:
    # No traceback: a key may name an address.
    logger.warning("The rate limits table does not answer", extra={"reason": error_code(error)})
    return ServiceUnavailable()
