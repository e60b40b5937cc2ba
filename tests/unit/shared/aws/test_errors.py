"""Which errors of AWS are temporary."""

import logging

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from shared.aws.errors import TEMPORARY_CODES, error_code, translate_errors
from shared.errors import ServiceUnavailable, WriteConflict

SECRET = "arn:aws:dynamodb:eu-west-1:123456789012:table/sessions"


def client_error(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "GetItem",
    )


REFUSALS = [
    *(client_error(code) for code in sorted(TEMPORARY_CODES)),
    client_error("UnknownCode", 500),
    client_error("UnknownCode", 503),
    client_error("UnknownCode", 429),
]
NO_RESPONSE = [
    ReadTimeoutError(endpoint_url=SECRET),
    ConnectTimeoutError(endpoint_url=SECRET),
    ConnectionClosedError(endpoint_url=SECRET),
    EndpointConnectionError(endpoint_url=SECRET),
    ResponseParserError(SECRET),
]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        *((error, "AWS could not answer") for error in REFUSALS),
        *((error, "AWS did not answer") for error in NO_RESPONSE),
    ],
    ids=lambda value: error_code(value) if isinstance(value, Exception) else "",
)
def test_a_temporary_error_becomes_service_unavailable_and_is_logged_by_its_code(
    error: Exception, message: str, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO), pytest.raises(ServiceUnavailable) as raised, translate_errors():
        raise error

    assert [(record.levelname, record.msg, record.reason) for record in caplog.records] == [
        ("WARNING", message, error_code(error))
    ]
    assert raised.value.__cause__ is error
    assert SECRET not in caplog.text


@pytest.mark.parametrize("code", ["TransactionConflictException", "TransactionInProgressException"])
def test_a_conflict_is_a_write_conflict_and_is_not_logged(code: str, caplog: pytest.LogCaptureFixture):
    error = client_error(code)

    with pytest.raises(WriteConflict) as raised, translate_errors():
        raise error

    assert raised.value.__cause__ is error
    assert caplog.records == []


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("ValidationException"),
        client_error("ResourceNotFoundException"),
        client_error("ConditionalCheckFailedException"),
        client_error("TransactionCanceledException"),
        client_error("UnknownCode", 499),
        NoCredentialsError(),
        ValueError(),
    ],
    ids=error_code,
)
def test_every_other_error_is_raised_unchanged(error: Exception):
    with pytest.raises(type(error)) as raised, translate_errors():
        raise error

    assert raised.value is error


def test_success_raises_nothing():
    with translate_errors():
        pass


def test_an_error_code_is_the_code_or_the_class_and_never_the_message():
    assert error_code(client_error("ThrottlingException")) == "ThrottlingException"
    assert error_code(ReadTimeoutError(endpoint_url=SECRET)) == "ReadTimeoutError"
