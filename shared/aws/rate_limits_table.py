"""The rate limits table: how often somebody has done something in one window of time."""

from typing import TYPE_CHECKING

from shared.aws.errors import FAULTS, condition_failed, logger, reason
from shared.errors import TryAgainLater

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class RateLimitsTable:
    """The domain's LimitStore on one table. Raises TryAgainLater whatever is wrong with the table."""

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
        except FAULTS as error:
            if condition_failed(error):
                return False
            logger.warning("The rate limits table does not answer", extra={"reason": reason(error)})
            raise TryAgainLater from error
        return True
