"""@connections as the SDK speaks it: bytes that are sent, and what each answer means."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from shared.audience.notifier import MAX_PARALLEL, RESERVE_MS
from shared.aws.management_api import DEFAULT_CONFIG, ManagementApi, create_client
from shared.errors import ServiceUnavailable

ENDPOINT = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/ws"
MESSAGE: Any = {"type": "audience", "listenerCount": 1, "byLanguage": {"es": 1}}
CONNECTION_ID = "L0SM9cOFvHcCIhw="


class ApiGateway:
    """Answers the SDK's requests without a socket."""

    def __init__(self) -> None:
        self.asked: list[AWSRequest] = []
        self.answer: Callable[[AWSRequest], AWSResponse] = lambda request: response(200)

    def __call__(self, request: AWSRequest, **_: Any) -> AWSResponse:
        self.asked.append(request)
        return self.answer(request)


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def response(status: int, error: str | None = None, body: bytes = b"") -> AWSResponse:
    headers = {"x-amzn-ErrorType": error} if error else {}
    return AWSResponse(ENDPOINT, status, headers, Raw(body))


@pytest.fixture
def gateway() -> ApiGateway:
    return ApiGateway()


@pytest.fixture
def connections(gateway: ApiGateway) -> ManagementApi:
    once = DEFAULT_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    client = create_client(ENDPOINT, max_connections=1, config=once)
    client.meta.events.register("before-send.apigatewaymanagementapi", gateway)
    return ManagementApi(client)


def test_a_message_is_posted_to_its_connection_as_compact_json(
    gateway: ApiGateway, connections: ManagementApi
):
    assert connections.post(CONNECTION_ID, MESSAGE) is True

    (request,) = gateway.asked
    assert request.method == "POST"
    assert request.url == f"{ENDPOINT}/@connections/L0SM9cOFvHcCIhw%3D"
    assert request.body == b'{"type":"audience","listenerCount":1,"byLanguage":{"es":1}}'


def test_a_connection_is_closed_by_its_id(gateway: ApiGateway, connections: ManagementApi):
    gateway.answer = lambda request: response(204)

    connections.close(CONNECTION_ID)

    assert [(request.method, request.url) for request in gateway.asked] == [
        ("DELETE", f"{ENDPOINT}/@connections/L0SM9cOFvHcCIhw%3D")
    ]


def test_requests_are_signed_for_api_gateway(gateway: ApiGateway, connections: ManagementApi):
    connections.post(CONNECTION_ID, MESSAGE)

    assert "/eu-west-1/execute-api/aws4_request" in str(gateway.asked[0].headers["Authorization"])


def test_a_connection_that_is_gone_is_no_fault(gateway: ApiGateway, connections: ManagementApi):
    gateway.answer = lambda request: response(410, "GoneException")

    assert connections.post(CONNECTION_ID, MESSAGE) is False
    connections.close(CONNECTION_ID)


TRANSIENT = {
    "too many requests": response(429, "LimitExceededException"),
    "throttled before it is looked at": response(429, "TooManyRequestsException"),
    "throttled without a name": response(429),
    "an error of theirs": response(500, "InternalServerError"),
    "no answer of theirs": response(504, None, b"<html>Gateway Timeout</html>"),
}


@pytest.mark.parametrize("answer", TRANSIENT.values(), ids=TRANSIENT)
def test_what_a_retry_may_cure_is_tried_again_later(
    gateway: ApiGateway, connections: ManagementApi, answer: AWSResponse
):
    gateway.answer = lambda request: answer

    with pytest.raises(ServiceUnavailable):
        connections.post(CONNECTION_ID, MESSAGE)
    with pytest.raises(ServiceUnavailable):
        connections.close(CONNECTION_ID)


@pytest.mark.parametrize("error", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_an_api_gateway_that_does_not_answer_is_tried_again_later(
    gateway: ApiGateway, connections: ManagementApi, error: type[Exception]
):
    def fail(_: AWSRequest) -> AWSResponse:
        raise error(endpoint_url=ENDPOINT)

    gateway.answer = fail

    with pytest.raises(ServiceUnavailable):
        connections.post(CONNECTION_ID, MESSAGE)


@pytest.mark.parametrize(
    "answer", [response(403, "ForbiddenException"), response(400, "BadRequestException")]
)
def test_what_no_retry_cures_is_a_bug(gateway: ApiGateway, connections: ManagementApi, answer: AWSResponse):
    gateway.answer = lambda request: answer

    with pytest.raises(ClientError):
        connections.post(CONNECTION_ID, MESSAGE)


def test_one_slow_connection_fits_into_the_time_that_is_kept_back():
    attempts = DEFAULT_CONFIG.retries["total_max_attempts"]
    slowest_ms = 1000 * (
        attempts * (DEFAULT_CONFIG.connect_timeout + DEFAULT_CONFIG.read_timeout) + attempts - 1
    )

    # Post and close, each at its slowest, in the last round that was begun.
    assert 2 * slowest_ms + RESERVE_MS < 60_000


def test_a_client_has_a_connection_for_each_thread_that_uses_it():
    client = create_client(ENDPOINT, max_connections=MAX_PARALLEL)

    assert client.meta.config.max_pool_connections == MAX_PARALLEL
