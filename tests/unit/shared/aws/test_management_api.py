"""The gateway of connections: which requests the SDK sends, and what each response means."""

from typing import Any

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from shared.audience.delivery import MAX_PARALLEL, RESERVE_MS
from shared.aws.management_api import DEFAULT_CONFIG, ONE_TRY_CONFIG, ManagementApi, create_client
from shared.errors import ConnectionUnreachable, ServiceUnavailable
from tests.support.sdk_responses import AwsService, RawBody

ENDPOINT = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/ws"
MESSAGE: Any = {"type": "audience", "listenerCount": 1, "byLanguage": {"es": 1}}
CONNECTION_ID = "L0SM9cOFvHcCIhw="
FUNCTION_TIMEOUT_MS = 60_000


def response(status: int, error: str | None = None, body: bytes = b"") -> AWSResponse:
    headers = {"x-amzn-ErrorType": error} if error else {}
    return AWSResponse(ENDPOINT, status, headers, RawBody(body))


@pytest.fixture
def api_gateway() -> AwsService:
    return AwsService(lambda request: response(200))


@pytest.fixture
def connections(api_gateway: AwsService) -> ManagementApi:
    config = DEFAULT_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    client = create_client(ENDPOINT, max_connections=1, config=config)
    client.meta.events.register("before-send.apigatewaymanagementapi", api_gateway)
    return ManagementApi(client)


# requests


def test_a_message_is_posted_to_its_connection_as_compact_json(
    api_gateway: AwsService, connections: ManagementApi
):
    assert connections.post(CONNECTION_ID, MESSAGE) is True

    (request,) = api_gateway.requests
    assert request.method == "POST"
    assert request.url == f"{ENDPOINT}/@connections/L0SM9cOFvHcCIhw%3D"
    assert request.body == b'{"type":"audience","listenerCount":1,"byLanguage":{"es":1}}'


def test_an_encoded_message_is_posted_as_it_is(api_gateway: AwsService, connections: ManagementApi):
    connections.post(CONNECTION_ID, '{"text":"你好"}'.encode())

    (request,) = api_gateway.requests
    assert request.body == '{"text":"你好"}'.encode()


def test_a_connection_is_closed_by_its_id(api_gateway: AwsService, connections: ManagementApi):
    api_gateway.respond = lambda request: response(204)

    connections.close(CONNECTION_ID)

    assert [(request.method, request.url) for request in api_gateway.requests] == [
        ("DELETE", f"{ENDPOINT}/@connections/L0SM9cOFvHcCIhw%3D")
    ]


def test_requests_are_signed_for_api_gateway(api_gateway: AwsService, connections: ManagementApi):
    connections.post(CONNECTION_ID, MESSAGE)

    assert "/eu-west-1/execute-api/aws4_request" in str(api_gateway.requests[0].headers["Authorization"])


# responses


def test_a_connection_that_is_gone_raises_no_error(api_gateway: AwsService, connections: ManagementApi):
    api_gateway.respond = lambda request: response(410, "GoneException")

    assert connections.post(CONNECTION_ID, MESSAGE) is False
    connections.close(CONNECTION_ID)


TEMPORARY = {
    "429 by the service": response(429, "LimitExceededException"),
    "429 by the stage's throttle": response(429, "TooManyRequestsException"),
    "429 without a code": response(429),
    "500": response(500, "InternalServerError"),
    "504 by a proxy": response(504, None, b"<html>Gateway Timeout</html>"),
}


@pytest.mark.parametrize("temporary", TEMPORARY.values(), ids=TEMPORARY)
def test_a_temporary_error_is_service_unavailable(
    api_gateway: AwsService, connections: ManagementApi, temporary: AWSResponse
):
    api_gateway.respond = lambda request: temporary

    with pytest.raises(ServiceUnavailable):
        connections.post(CONNECTION_ID, MESSAGE)
    with pytest.raises(ServiceUnavailable):
        connections.close(CONNECTION_ID)


@pytest.mark.parametrize("error", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_response_is_service_unavailable(
    api_gateway: AwsService, connections: ManagementApi, error: type[Exception]
):
    def fail(_: AWSRequest) -> AWSResponse:
        raise error(endpoint_url=ENDPOINT)

    api_gateway.respond = fail

    with pytest.raises(ServiceUnavailable):
        connections.post(CONNECTION_ID, MESSAGE)
    with pytest.raises(ServiceUnavailable):
        connections.close(CONNECTION_ID)


@pytest.mark.parametrize(
    "permanent", [response(403, "ForbiddenException"), response(400, "BadRequestException")]
)
def test_a_call_that_api_gateway_rejects_concerns_this_connection_only_and_is_logged(
    api_gateway: AwsService,
    connections: ManagementApi,
    permanent: AWSResponse,
    caplog: pytest.LogCaptureFixture,
):
    api_gateway.respond = lambda request: permanent

    with pytest.raises(ConnectionUnreachable):
        connections.post(CONNECTION_ID, MESSAGE)
    with pytest.raises(ConnectionUnreachable):
        connections.close(CONNECTION_ID)

    assert [record.message for record in caplog.records] == ["A connection cannot be reached"] * 2


def test_another_error_is_raised_unchanged(api_gateway: AwsService, connections: ManagementApi):
    api_gateway.respond = lambda request: response(404, "NotFoundException")

    with pytest.raises(ClientError):
        connections.post(CONNECTION_ID, MESSAGE)


# the client


def test_the_slowest_post_and_close_fit_into_the_functions_timeout():
    attempts = DEFAULT_CONFIG.retries["total_max_attempts"]
    slowest_ms = 1000 * (
        attempts * (DEFAULT_CONFIG.connect_timeout + DEFAULT_CONFIG.read_timeout) + attempts - 1
    )

    assert 2 * slowest_ms + RESERVE_MS < FUNCTION_TIMEOUT_MS


def test_the_slowest_try_to_post_a_caption_takes_a_few_seconds():
    assert ONE_TRY_CONFIG.retries["total_max_attempts"] == 1
    assert ONE_TRY_CONFIG.connect_timeout + ONE_TRY_CONFIG.read_timeout <= 4


def test_a_client_has_a_connection_for_each_thread_and_the_default_timeouts():
    config = create_client(ENDPOINT, max_connections=MAX_PARALLEL).meta.config

    assert config.max_pool_connections == MAX_PARALLEL
    assert (config.connect_timeout, config.read_timeout) == (
        DEFAULT_CONFIG.connect_timeout,
        DEFAULT_CONFIG.read_timeout,
    )
