"""DynamoDB's client: as patient as it is asked to be, and never taken in by half an answer."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.parsers import ResponseParserError

from shared.aws.dynamodb import DEFAULT_CONFIG, FAIL_FAST_CONFIG, create_client


class Raw:
    """The body of an answer, as urllib3 hands it on."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Any:
        yield self._body


def read(status: int, body: bytes) -> Mapping[str, Any]:
    """Read a row with a client that is answered so, whatever it asks."""
    client = create_client(FAIL_FAST_CONFIG)
    answer = AWSResponse("https://dynamodb.example", status, {}, Raw(body))
    client.meta.events.register("before-send.dynamodb", lambda **_: answer)
    return client.get_item(TableName="sessions", Key={"sessionId": {"S": "holy-psalm-100"}})


@pytest.mark.parametrize("config", [DEFAULT_CONFIG, FAIL_FAST_CONFIG])
def test_a_client_is_as_patient_as_it_is_asked_to_be(config: Config):
    made = create_client(config).meta.config

    assert (made.connect_timeout, made.read_timeout) == (config.connect_timeout, config.read_timeout)


def test_a_client_is_patient_unless_it_is_asked_to_be_brief():
    assert create_client().meta.config.read_timeout == DEFAULT_CONFIG.read_timeout


def test_a_whole_answer_is_read():
    assert read(200, b'{"Item": {"sessionId": {"S": "x"}}}')["Item"] == {"sessionId": {"S": "x"}}


@pytest.mark.parametrize("body", [b"", b'{"Item": {"sess', b"<html>"])
@pytest.mark.parametrize("status", [200, 400])
def test_half_an_answer_is_taken_for_none(status: int, body: bytes):
    with pytest.raises(ResponseParserError, match=r"^The response is not JSON$"):
        read(status, body)


@pytest.mark.parametrize("status", [500, 502])
def test_a_page_of_a_proxy_that_refuses_is_a_refusal_with_its_status(status: int):
    with pytest.raises(ClientError) as refused:
        read(status, b"<html>")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_no_event_handler_that_is_left_out_is_for_dynamodb():
    # Names are `<event>.<service>...`; those of `docs` events are `docs.<section>.<service>...`.
    names = {name for name, *_ in BUILTIN_HANDLERS if "." in name and not name.startswith("docs.")}

    assert not {name.split(".")[1] for name in names} & {"dynamodb", "*"}


def test_no_event_handler_that_is_registered_must_be_the_first_or_the_last():
    assert {len(entry) for entry in BUILTIN_HANDLERS if "." not in entry[0]} == {2}
