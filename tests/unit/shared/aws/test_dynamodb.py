"""The DynamoDB client: its timeouts, and responses that are not JSON."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.parsers import ResponseParserError

from shared.aws.dynamodb import DEFAULT_CONFIG, FAIL_FAST_CONFIG, create_client
from shared.errors import ServiceUnavailable


class RawBody:
    """The body of a response, as urllib3 returns it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def get_item(status: int, body: bytes) -> Mapping[str, Any]:
    """Call GetItem with a client that receives this response."""
    client = create_client(FAIL_FAST_CONFIG)
    response = AWSResponse("https://dynamodb.example", status, {}, RawBody(body))
    client.meta.events.register("before-send.dynamodb", lambda **_: response)
    return client.get_item(TableName="sessions", Key={"sessionId": {"S": "holy-psalm-100"}})


@pytest.mark.parametrize("config", [DEFAULT_CONFIG, FAIL_FAST_CONFIG])
def test_a_client_has_the_timeouts_of_its_config(config: Config):
    client_config = create_client(config).meta.config

    assert (client_config.connect_timeout, client_config.read_timeout) == (
        config.connect_timeout,
        config.read_timeout,
    )


def test_a_client_has_the_default_config_unless_another_is_given():
    assert create_client().meta.config.read_timeout == DEFAULT_CONFIG.read_timeout


def test_a_complete_response_is_parsed():
    assert get_item(200, b'{"Item": {"sessionId": {"S": "x"}}}')["Item"] == {"sessionId": {"S": "x"}}


@pytest.mark.parametrize("body", [b"", b'{"Item": {"sess', b"<html>"])
@pytest.mark.parametrize("status", [200, 400, 499])
def test_a_response_that_is_not_json_raises_a_parser_error(status: int, body: bytes):
    with pytest.raises(ResponseParserError, match=r"^The response is not JSON$"):
        get_item(status, body)


@pytest.mark.parametrize("status", [500, 502])
def test_a_5xx_response_need_not_be_json(status: int):
    with pytest.raises(ClientError) as error:
        get_item(status, b"<html>")

    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_client_calls_before_send_before_each_request_and_raises_what_it_raises(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    operations: list[str] = []

    def before_send(event_name: str, **_: Any) -> None:
        operations.append(event_name.rpartition(".")[2])
        if len(operations) == 2:
            raise ServiceUnavailable

    def fail(**_: Any) -> None:
        raise ConnectionClosedError(endpoint_url="dynamodb")

    client = create_client(before_send=before_send)
    client.meta.events.register("before-send.dynamodb", fail)

    with pytest.raises(ServiceUnavailable):
        client.get_item(TableName="sessions", Key={"sessionId": {"S": "holy-psalm-100"}})

    assert operations == ["GetItem"] * 2


def test_no_omitted_event_handler_is_for_a_service_that_is_called():
    # Names are `<event>.<service>...`; those of `docs` events are `docs.<section>.<service>...`.
    names = {name for name, *_ in BUILTIN_HANDLERS if "." in name and not name.startswith("docs.")}

    assert not {name.split(".")[1] for name in names} & {"dynamodb", "apigatewaymanagementapi", "*"}


def test_the_order_of_the_registered_event_handlers_does_not_matter():
    assert {len(entry) for entry in BUILTIN_HANDLERS if "." not in entry[0]} == {2}


def test_what_is_raised_before_a_request_is_sent_is_raised_instead_also_before_a_retry():
    calls: list[str] = []

    def refuse_the_second(event_name: str, **_: Any) -> AWSResponse:
        calls.append(event_name)
        if len(calls) == 2:
            raise ServiceUnavailable
        return AWSResponse("https://dynamodb.example", 500, {}, RawBody(b"{}"))

    client = create_client(before_send=refuse_the_second)

    with pytest.raises(ServiceUnavailable):
        client.get_item(TableName="sessions", Key={"sessionId": {"S": "holy-psalm-100"}})

    assert calls == ["before-send.dynamodb.GetItem"] * 2
