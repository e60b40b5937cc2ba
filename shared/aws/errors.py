"""Which errors of AWS are temporary, and the call that is made again."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachableError
from botocore.parsers import ResponseParserError

from shared.errors import ServiceUnavailable, WriteConflict

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
# https://docs.aws.amazon.com/apigatewaywebsocketapi/latest/APIReference/API_PostToConnection.html (429)
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html
TEMPORARY_CODES = frozenset(
    {
        "InternalServerError",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
# Of a plain write that meets a transaction on its item, and of a transaction that meets its own first try.
CONFLICT_CODES = frozenset({"TransactionConflictException", "TransactionInProgressException"})
# Of one item of a cancelled transaction.
TEMPORARY_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)

ResultT = TypeVar("ResultT")

logger = logging.getLogger("aws")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise ServiceUnavailable for throttling, timeouts, broken connections and 5xx; others are bugs.

    It is a WriteConflict if a transaction was in progress.
    """
    try:
        yield
    except (HTTPClientError, UnreachableError, ResponseParserError) as error:
        logger.warning("AWS did not answer", extra={"reason": error_code(error)})
        raise ServiceUnavailable from error
    except ClientError as error:
        if error_code(error) in CONFLICT_CODES:
            raise WriteConflict from error
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status < 500 and status != 429 and error_code(error) not in TEMPORARY_CODES:
            raise
        logger.warning("AWS could not answer", extra={"reason": error_code(error)})
        raise ServiceUnavailable from error


def failed_condition(error: ClientError) -> tuple[int, Mapping[str, Any]]:
    """Return the index of the item of a transaction whose condition failed, and what the table has instead.

    The first reason decides. Raises WriteConflict or ServiceUnavailable if it is temporary, and the error
    itself if it is another one or if no transaction was cancelled.
    """
    reasons: list[Mapping[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    for index, reason in enumerate(reasons):
        if reason["Code"] == "ConditionalCheckFailed":
            return index, reason.get("Item", {})
        if reason["Code"] == "TransactionConflict":
            raise WriteConflict from error
        if reason["Code"] in TEMPORARY_REASONS:
            logger.warning("AWS could not answer", extra={"reason": reason["Code"]})
            raise ServiceUnavailable from error
        if reason["Code"] != "None":
            break
    raise error


def again_if_closed(call: Callable[..., ResultT], **request: Any) -> ResultT:
    """Make a call, and once more if its idle connection was closed while the function was frozen.

    It is for clients that try once. If AWS has read the first request all the same, it gets the call twice.
    """
    try:
        return call(**request)
    except ConnectionClosedError:
        return call(**request)


def error_code(error: Exception) -> str:
    """Return the error's code or class; its message may name tables and accounts."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def is_condition_failed(error: Exception) -> bool:
    """Return whether DynamoDB refused a write because its condition did not hold."""
    return error_code(error) == "ConditionalCheckFailedException"
