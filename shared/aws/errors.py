"""Which failures of AWS a retry may cure."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachableError
from botocore.parsers import ResponseParserError

from shared.errors import TryAgainLater

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
# https://docs.aws.amazon.com/apigatewaywebsocketapi/latest/APIReference/API_PostToConnection.html (429)
TRANSIENT_CODES = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
FAULTS = (ClientError, BotoCoreError, ResponseParserError)

logger = logging.getLogger("aws")


@contextmanager
def faults_told_apart() -> Iterator[None]:
    """Raise TryAgainLater for throttling, time-outs, broken connections and 5xx; all else is a bug."""
    try:
        yield
    except (HTTPClientError, UnreachableError, ResponseParserError) as error:
        logger.warning("AWS did not answer", extra={"reason": reason(error)})
        raise TryAgainLater from error
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status < 500 and status != 429 and reason(error) not in TRANSIENT_CODES:
            raise
        logger.warning("AWS could not answer", extra={"reason": reason(error)})
        raise TryAgainLater from error


def reason(error: Exception) -> str:
    """The error code or class: messages may name tables and accounts."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def condition_failed(error: Exception) -> bool:
    """Whether DynamoDB refused a write because its condition did not hold."""
    return reason(error) == "ConditionalCheckFailedException"
