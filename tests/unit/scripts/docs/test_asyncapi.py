"""docs/asyncapi.json is what the code and Terraform say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from scripts.docs import asyncapi
from shared.audience.messages import Message
from shared.events.websocket_api import ERRORS
from tests.support import terraform_console

DOCUMENT = asyncapi.document()
MESSAGES = DOCUMENT["components"]["messages"]


def test_the_committed_document_is_the_one_that_the_code_makes():
    assert json.loads(asyncapi.FILE.read_text()) == DOCUMENT


def test_check_says_what_to_do_when_the_document_is_old(monkeypatch, tmp_path: Path, capsys):
    (tmp_path / "asyncapi.json").write_text("{}")
    monkeypatch.setattr(asyncapi, "FILE", tmp_path / "asyncapi.json")

    assert asyncapi.main(["--check"]) == 1
    assert "make asyncapi" in capsys.readouterr().err


def test_what_is_written_passes_the_check(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(asyncapi, "FILE", tmp_path / "docs" / "asyncapi.json")

    assert asyncapi.main([]) == 0
    assert asyncapi.main(["--check"]) == 0


def test_every_reference_leads_to_something():
    def resolve(reference: str) -> Any:
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return found

    found = list(_references(DOCUMENT))

    assert len(found) > 10
    assert all(resolve(reference) for reference in found)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def test_each_message_that_the_server_sends_is_sent_in_one_operation():
    sent = [
        operation["messages"][0]["$ref"].rpartition("/")[2]
        for operation in DOCUMENT["operations"].values()
        if operation["action"] == "send"
    ]

    kinds = [kind.__name__ for kind in get_args(Message)]
    assert sorted(sent) == sorted(name[0].lower() + name[1:] for name in kinds)


def test_every_message_is_told_with_its_own_type():
    types = {
        example["payload"]["type"]: name
        for name, message in MESSAGES.items()
        for example in message.get("examples", [])
        if "type" in example["payload"]
    }

    assert types == {
        "sessionUpdated": "sessionUpdated",
        "sessionEnded": "sessionEnded",
        "audience": "audience",
        "heartbeatAck": "heartbeatAck",
        "error": "unknownAction",
    }


@pytest.mark.parametrize("name", [name for name, message in MESSAGES.items() if "examples" in message])
def test_every_example_has_the_shape_that_is_told_and_none_more(name: str):
    schema = {**MESSAGES[name]["payload"], "components": DOCUMENT["components"]}

    for example in MESSAGES[name]["examples"]:
        Draft202012Validator(schema).validate(example["payload"])
        assert not Draft202012Validator(schema).is_valid(
            {**example["payload"], "type": "other", "action": "x"}
        )


def test_api_gateway_answers_by_itself_as_terraform_declares(tmp_path: Path):
    said = terraform_console.evaluate("local.websocket_replies", tmp_path)

    assert said == {
        "heartbeat": MESSAGES["heartbeatAck"]["examples"][0]["payload"],
        "$default": MESSAGES["unknownAction"]["examples"][0]["payload"],
    }
    assert MESSAGES["heartbeat"]["examples"][0]["payload"]["action"] in said


def test_every_refusal_of_the_service_is_told_of():
    statuses = {str(status) for status, _ in ERRORS.values()}

    assert statuses < set(asyncapi.STATUSES)


@pytest.mark.parametrize("parameter", ["sessionId", "targetLanguage", "token"])
def test_the_parameters_of_the_handshake_are_told_of(parameter: str):
    query = DOCUMENT["channels"]["session"]["bindings"]["ws"]["query"]

    assert parameter in query["properties"]
    assert query["required"] == ["sessionId"]
