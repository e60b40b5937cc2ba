"""The AsyncAPI document agrees with the code."""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, get_args, get_type_hints, is_typeddict

import pytest
from jsonschema import Draft202012Validator

from scripts.docs import asyncapi
from scripts.docs.client_messages import CLIENT_MESSAGES, ClientMessage
from shared.audience import messages as audience_messages
from shared.audience.messages import Message
from shared.audience.requests import LanguageChange
from shared.audio import messages as audio_messages
from shared.audio.requests import NewAudio
from shared.captions import messages as caption_messages
from shared.captions.caption import MAX_SEQUENCE, MAX_TEXT
from shared.captions.requests import NewCaption
from shared.errors import InvalidRequest
from shared.events.websocket_api import ERRORS, MESSAGE_ERRORS
from tests.support.audio import base64_of, pcm

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


def named(references: Iterable[dict[str, str]]) -> list[str]:
    return [reference["$ref"].rpartition("/")[2] for reference in references]


OPERATIONS = DOCUMENT["operations"].values()
SENT = [name for one in OPERATIONS if one["action"] == "send" for name in named(one["messages"])]
REPLIES = {name for one in OPERATIONS for name in named(one.get("reply", {}).get("messages", ()))}


def test_each_message_that_the_server_sends_is_an_answer_or_sent_in_one_operation():
    kinds = {kind.__name__[0].lower() + kind.__name__[1:] for kind in get_args(Message)}

    assert len(SENT) == len(set(SENT))
    assert set(SENT) == (kinds - {"languageChanged"}) | {"caption", "captions", "translatedAudio"}
    assert {
        "sessionJoined", "languageChanged", "captionPublished", "audioAccepted", "heartbeatAck", "refused",
        "unknownAction", "gatewayError",
    } == REPLIES  # fmt: skip


@pytest.mark.parametrize("module", [audience_messages, audio_messages, caption_messages])
def test_every_message_of_the_code_is_documented(module: ModuleType):
    declared = {
        get_args(get_type_hints(kind)["type"])[0]: name
        for name, kind in vars(module).items()
        if is_typeddict(kind) and kind.__module__ == module.__name__ and "type" in kind.__annotations__
    }

    documented = {
        schema["properties"]["type"]["const"]: name
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if "type" in schema.get("properties", {})
    }

    assert declared
    assert declared.items() <= documented.items()


def test_every_message_has_a_type_of_its_own_which_is_its_name():
    types = [
        (name, example["payload"]["type"])
        for name, message in MESSAGES.items()
        for example in message.get("examples", [])
        if "type" in example["payload"]
    ]

    assert {name for name, type_ in types if name != type_} == {"refused", "unknownAction"}
    assert {type_ for name, type_ in types if name != type_} == {"error"}
    assert len(types) == 14


def test_every_message_with_a_type_has_a_timestamp():
    from_clients = {message.action for message in CLIENT_MESSAGES}
    for name, message in MESSAGES.items():
        if name in from_clients:
            continue
        for example in message.get("examples", []):
            assert ("type" in example["payload"]) == ("timestamp" in example["payload"]), name


def test_every_code_of_a_refused_message_is_documented():
    codes = DOCUMENT["components"]["schemas"]["ErrorMessage"]["properties"]["code"]["enum"]

    assert sorted(codes) == sorted(code for _, code in MESSAGE_ERRORS.values())


def test_the_route_of_each_client_message_is_its_action():
    assert {message.action for message in CLIENT_MESSAGES} == {
        name
        for one in OPERATIONS
        if one["action"] == "receive"
        for name in named(one["messages"])
        if name != "anythingElse"
    }


@pytest.mark.parametrize("name", [name for name, message in MESSAGES.items() if "examples" in message])
def test_an_example_matches_its_own_schema_alone(name: str):
    schema = {**MESSAGES[name]["payload"], "components": DOCUMENT["components"]}

    for example in MESSAGES[name]["examples"]:
        Draft202012Validator(schema).validate(example["payload"])
        assert not Draft202012Validator(schema).is_valid(
            {**example["payload"], "type": "other", "action": "x"}
        )


VALUES: dict[str, list[Any]] = {
    "sequence": [0, 1, 2, MAX_SEQUENCE, MAX_SEQUENCE + 1, -1, "1", 1.5, True, None, [], {}],
    "text": [
        "",
        " ",
        "\n",
        "x",
        " x ",
        "x" * MAX_TEXT,
        "x" * (MAX_TEXT + 1),
        "\U0001f54a" * MAX_TEXT,
        5,
        None,
    ],
    "audioData": [
        *(base64_of(pcm(size)) for size in (0, 98, 99, 100, 101, 102, 103, 104, 8192, 23_998, 23_999)),
        *(base64_of(pcm(size)) for size in (24_000, 24_001, 24_002)),
        *("x" * 136, "x" * 137, "?" * 136, base64_of(pcm(102)) + "=", base64_of(pcm(102)) + "===="),
        *(" " + base64_of(pcm(100)), 5, None, True, []),
    ],
    "timestamp": [0, -1, 2**53 - 1, 2**53, "now", True, None, 1.5],
    "format": ["pcm", "PCM", "", 1, None],
    "sampleRate": [16_000, 8_000, "16000", None],
    "channels": [1, 2, 0, "1", True, None],
    "encoding": ["s16le", "f32le", None],
    "spokenAt": [0, 1_767_225_600_000, "now", True, None, 1.5],
    "targetLanguage": ["es", "zh", "xx", "ES", "", 5, None, ["es"]],
}
CASES = [
    (message.action, {**message.example, field: value})
    for message in CLIENT_MESSAGES
    for field, values in VALUES.items()
    if field in message.fields
    for value in values
] + [
    (message.action, {name: value for name, value in message.example.items() if name != left_out})
    for message in CLIENT_MESSAGES
    for left_out in message.fields
]
READERS = {"publishCaption": NewCaption, "changeLanguage": LanguageChange, "audioChunk": NewAudio}


@pytest.mark.parametrize(("action", "message"), CASES)
def test_a_message_is_valid_by_its_schema_if_the_service_accepts_it(action: str, message: dict[str, Any]):
    valid = Draft202012Validator(MESSAGES[action]["payload"]).is_valid(message)

    try:
        if action in READERS:
            READERS[action].parse(message)
        accepted = True
    except InvalidRequest:
        accepted = False

    assert valid == accepted


@pytest.mark.parametrize("message", CLIENT_MESSAGES, ids=lambda message: message.action)
def test_fields_of_older_clients_are_valid(message: ClientMessage):
    older = {**message.example, "duration": 3, "chunkId": "a"}

    Draft202012Validator(MESSAGES[message.action]["payload"]).validate(older)


def test_every_status_of_a_refused_handshake_is_documented():
    statuses = {str(status) for status, _ in ERRORS.values()}

    assert statuses < set(asyncapi.STATUSES)


@pytest.mark.parametrize("parameter", ["sessionId", "targetLanguage", "token"])
def test_a_parameter_of_the_handshake_is_documented(parameter: str):
    query = DOCUMENT["channels"]["session"]["bindings"]["ws"]["query"]

    assert parameter in query["properties"]
    assert query["required"] == ["sessionId"]
