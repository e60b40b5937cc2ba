"""Which failures of AWS a retry may cure."""

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
from shared.errors import ServiceUnavailable

SECRET = "arn:aws:dynamodb:eu-west-1:123456789012:table/sessions"


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "GetItem",
    )


@pytest.mark.parametrize(
    "fault",
    [
        *(refusal(code) for code in sorted(TEMPORARY_CODES)),
        refusal("Unheard", 500),
        refusal("Unheard", 503),
        refusal("Unheard", 429),
        ReadTimeoutError(endpoint_url=SECRET),
        ConnectTimeoutError(endpoint_url=SECRET),
        ConnectionClosedError(endpoint_url=SECRET),
        EndpointConnectionError(endpoint_url=SECRET),
        ResponseParserError(SECRET),
    ],
    ids=lambda fault: f"{error_code(fault)}",
)
def test_throttling_time_outs_broken_connections_and_their_errors_may_be_cured(
    fault: Exception, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO), pytest.raises(ServiceUnavailable), translate_errors():
        raise fault

    assert [record.reason for record in caplog.records] == [error_code(fault)]
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        refusal("AccessDeniedException"),
        refusal("ValidationException"),
        refusal("ResourceNotFoundException"),
        refusal("ConditionalCheckFailedException"),
        NoCredentialsError(),
        ValueError(),
    ],
    ids=error_code,
)
def test_all_else_is_left_as_it_is(fault: Exception):
    with pytest.raises(type(fault)), translate_errors():
        raise fault


def test_what_works_is_left_alone():
    with translate_errors():
        pass


def test_a_reason_is_a_code_or_a_class_and_never_a_message():
    assert error_code(refusal("ThrottlingException")) == "ThrottlingException"
    assert error_code(ReadTimeoutError(endpoint_url=SECRET)) == "ReadTimeoutError"
