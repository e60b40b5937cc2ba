"""Which errors of AWS are temporary."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachableError
from botocore.parsers import ResponseParserError

from shared.errors import ServiceUnavailable

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
# https://docs.aws.amazon.com/apigatewaywebsocketapi/latest/APIReference/API_PostToConnection.html (429)
TEMPORARY_CODES = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)

logger = logging.getLogger("aws")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise ServiceUnavailable for throttling, timeouts, broken connections and 5xx; others are bugs."""
    try:
        yield
    except (HTTPClientError, UnreachableError, ResponseParserError) as error:
        logger.warning("AWS did not answer", extra={"reason": error_code(error)})
        raise ServiceUnavailable from error
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status < 500 and status != 429 and error_code(error) not in TEMPORARY_CODES:
            raise
        logger.warning("AWS could not answer", extra={"reason": error_code(error)})
        raise ServiceUnavailable from error


def error_code(error: Exception) -> str:
    """Return the error's code or class; its message may name tables and accounts."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def is_condition_failed(error: Exception) -> bool:
    """Return whether DynamoDB refused a write because its condition did not hold."""
    return error_code(error) == "ConditionalCheckFailedException"
