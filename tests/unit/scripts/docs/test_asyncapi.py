"""The AsyncAPI document agrees with the code."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from scripts.docs import asyncapi
from shared.audience.messages import Message
from shared.events.websocket_api import ERRORS

DOCUMENT = asyncapi.document()
MESSAGES = DOCUMENT["components"]["messages"]


def test_every_reference_resolves():
    def resolve(reference: str) -> Any:
        target: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        return target

    references = list(_references(DOCUMENT))

    assert len(references) > 10
    assert all(resolve(reference) for reference in references)


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


def test_every_message_has_its_own_type():
    types = {
        example["payload"]["type"]: name
        for name, message in MESSAGES.items()
        for example in message.get("examples", [])
        if "type" in example["payload"]
    }

    assert types == {
        "sessionUpdated": "sessionUpdated",
        "sessionEnded": "sessionEnded",
        "speakerPresence": "speakerPresence",
        "audience": "audience",
        "heartbeatAck": "heartbeatAck",
        "error": "unknownAction",
    }


@pytest.mark.parametrize("name", [name for name, message in MESSAGES.items() if "examples" in message])
def test_an_example_matches_its_own_schema_alone(name: str):
    schema = {**MESSAGES[name]["payload"], "components": DOCUMENT["components"]}

    for example in MESSAGES[name]["examples"]:
        Draft202012Validator(schema).validate(example["payload"])
        assert not Draft202012Validator(schema).is_valid(
            {**example["payload"], "type": "other", "action": "x"}
        )


def test_every_status_of_a_refused_handshake_is_documented():
    statuses = {str(status) for status, _ in ERRORS.values()}

    assert statuses < set(asyncapi.STATUSES)


@pytest.mark.parametrize("parameter", ["sessionId", "targetLanguage", "token"])
def test_a_parameter_of_the_handshake_is_documented(parameter: str):
    query = DOCUMENT["channels"]["session"]["bindings"]["ws"]["query"]

    assert parameter in query["properties"]
    assert query["required"] == ["sessionId"]
