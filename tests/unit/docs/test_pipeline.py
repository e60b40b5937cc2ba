"""docs/pipeline.md: its example runs against the function itself, and its events and policy are true."""

import io
import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts.project import ROOT
from shared.aws.live_captions_table import LiveCaptionsTable
from shared.aws.sessions_table import SessionsTable
from shared.errors import Refusal
from shared.events.websocket_api import MESSAGE_ERRORS
from shared.sessions.session import Status
from shared.sessions.views import public_view
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.handlers import load_handler
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables

PAGE = (ROOT / "docs" / "pipeline.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
EVENT, PUBLISHED, ERROR, POLICY = (json.loads(text) for language, text in BLOCKS if language == "json")
(EXAMPLE,) = (text for language, text in BLOCKS if language == "python")

HANDLER = load_handler("publish_caption")
CLIENT = HANDLER.client
LIVE_CAPTIONS: LiveCaptionsTable = HANDLER.publish_caption._live_captions


class LambdaClient:
    """The SDK's client of Lambda, which runs the function here. `failures` fail first, instead of running."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self.failures = 0

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803  # the SDK's names
        self.functions.append(FunctionName)
        if self.failures:
            self.failures -= 1
            error = {"errorMessage": "Task timed out", "errorType": "Sandbox.Timedout"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
        answer = HANDLER.handler(json.loads(Payload), None)
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Create the tables with an active session, a minute after its creation."""
    clock = Clock(NOW + 60_000)
    monkeypatch.setattr("shared.clock.time", SimpleNamespace(time_ns=lambda: clock() * 1_000_000))
    with mock_aws():
        create_tables(CLIENT)
        store()
        yield


def store(**fields: Any) -> None:
    CLIENT.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": a_session().id}})
    SessionsTable(CLIENT, SESSIONS_TABLE).add(a_session(**fields), reusable_before=NOW_S)


@pytest.fixture
def lambda_client(monkeypatch: pytest.MonkeyPatch) -> LambdaClient:
    client = LambdaClient()
    monkeypatch.setattr(boto3, "client", lambda service, config: client)
    return client


@pytest.fixture
def example(lambda_client: LambdaClient) -> dict[str, Any]:
    """Run the example; return its names. It does not wait."""
    names: dict[str, Any] = {}
    exec(compile(EXAMPLE, "docs/pipeline.md", "exec"), names)  # our own page
    names["time"] = SimpleNamespace(sleep=lambda _: None)
    return names


def test_the_example_publishes_what_was_recognized(example: dict[str, Any]):
    example["on_recognized"](public_view(a_session()), "Good morning.", NOW + 15_200)

    assert LIVE_CAPTIONS.last(a_caption().session) == a_caption(
        15_200, text="Good morning.", spoken_at=NOW + 15_200, published_at=NOW + 60_000
    )


def test_the_example_repeats_what_may_not_have_been_published(
    example: dict[str, Any], lambda_client: LambdaClient
):
    lambda_client.failures = 2

    answer = example["publish"](a_session().id, 7, "Good morning.", NOW)

    assert (answer["type"], len(lambda_client.functions)) == ("captionPublished", 3)


def test_the_example_shows_why_a_caption_is_refused(
    example: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    store(status=Status.PAUSED)

    example["on_recognized"](public_view(a_session()), "Good morning.", NOW + 15_200)

    assert capsys.readouterr().out == "SESSION_PAUSED Session is paused\n"


def test_the_event_is_answered_with_the_fields_of_the_answer():
    answer = HANDLER.handler(EVENT, None)

    assert answer.keys() == PUBLISHED.keys()
    assert (answer["type"], answer["sequence"]) == (PUBLISHED["type"], PUBLISHED["sequence"])


def test_the_error_has_the_fields_and_the_sentence_of_the_service():
    for sequence in (1, 2):
        HANDLER.handler({**EVENT, "sequence": sequence, "text": "x" * 1000}, None)

    answer = HANDLER.handler({**EVENT, "sequence": ERROR["sequence"]}, None)

    assert answer.keys() == ERROR.keys()
    assert {name: answer[name] for name in ("type", "code", "message", "action", "sequence")} == {
        name: ERROR[name] for name in ("type", "code", "message", "action", "sequence")
    }


def test_every_code_that_an_invocation_may_get_is_explained():
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))

    # An invocation has no connection whose rights could be missing.
    assert explained == {code for _, code in MESSAGE_ERRORS.values()} - {"NOT_AUTHORIZED"}
    assert all(issubclass(error, Refusal) or error is Exception for error in MESSAGE_ERRORS)


def test_the_policy_allows_what_the_example_does_and_nothing_else(
    example: dict[str, Any], lambda_client: LambdaClient
):
    example["publish"](a_session().id, 7, "Good morning.", NOW)

    (statement,) = POLICY["Statement"]
    (called,) = lambda_client.functions
    assert statement["Action"] == "lambda:InvokeFunction"
    pattern = re.sub("REGION|ACCOUNT|ENVIRONMENT", "[a-z0-9-]+", statement["Resource"])
    assert re.fullmatch(pattern, called)


def test_the_policy_names_the_function_and_the_alias_of_terraform():
    main = (ROOT / "terraform" / "main.tf").read_text()
    module = (ROOT / "terraform" / "modules" / "function" / "main.tf").read_text()
    (name,) = re.findall(r'prefix = "([^"]+)"', main)
    (alias,) = re.findall(r'resource "aws_lambda_alias" "live" {\n +name += "([^"]+)"', module)

    resource = POLICY["Statement"][0]["Resource"]

    assert resource.endswith(
        f":function:{name.replace('${var.environment}', 'ENVIRONMENT')}-publish_caption:{alias}"
    )
