"""Messages of the service in plain words."""

import time
from typing import Any

import pytest

from scripts.docs import asyncapi
from scripts.operate.message_lines import lines

EXAMPLES = {
    name: message["examples"][0]["payload"]
    for name, message in asyncapi.document()["components"]["messages"].items()
    if "examples" in message and "action" not in message["payload"].get("properties", {})
}
ENDS_AT = time.strftime("%H:%M", time.localtime(EXAMPLES["speakerPresence"]["endsAt"]))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "sessionJoined",
            [
                (
                    "Connected as listener to blessed-shepherd-427, which is active: spoken in en, "
                    "12 listeners. Ctrl-C disconnects."
                )
            ],
        ),
        ("captions", ["41 en  Welcome.", "42 es  Buenos días, queridos amigos."]),
        ("caption", ["42 es  Buenos días, queridos amigos."]),
        ("translatedAudio", [f"42 es  spoken: {EXAMPLES['translatedAudio']['url']}"]),
        ("sessionUpdated", ["The session is paused, spoken in en, standard."]),
        ("sessionEnded", ["The session has ended: ended."]),
        ("speakerPresence", [f"The speaker is not connected. Without them the session ends at {ENDS_AT}."]),
        ("audience", ["12 listeners: es 12"]),
        ("languageChanged", ["What follows is in es."]),
        ("captionPublished", ["42 is published."]),
        ("heartbeatAck", []),
        (
            "refused",
            [
                (
                    "Refused: sequence must be above 42, that of the last caption (INVALID_MESSAGE);"
                    " sequence: sequence must be above 42, that of the last caption"
                )
            ],
        ),
        ("unknownAction", ["Refused: Unknown action (UNKNOWN_ACTION)"]),
        ("gatewayError", ["Refused: Too Many Requests"]),
    ],
)
def test_a_message_is_shown_in_plain_words(name: str, shown: list[str]):
    assert lines(EXAMPLES[name]) == shown


def test_every_message_of_the_document_is_shown():
    assert all(isinstance(lines(example), list) for example in EXAMPLES.values())
    assert len(EXAMPLES) == 15


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ({"type": "captions", "captions": []}, ["Nothing has been said yet."]),
        ({"type": "speakerPresence", "connected": True}, ["The speaker is connected again."]),
        ({"type": "speakerPresence", "connected": False}, ["The speaker is not connected."]),
        ({"type": "audience", "listenerCount": 0, "byLanguage": {}}, ["0 listeners"]),
        ({"type": "audience", "listenerCount": 1, "byLanguage": {"fr": 1}}, ["1 listener: fr 1"]),
        (
            {"type": "newInALaterRelease", "text": "¿Qué?"},
            ['{"type": "newInALaterRelease", "text": "¿Qué?"}'],
        ),
        ({}, ["{}"]),
    ],
)
def test_other_forms_of_messages(message: dict[str, Any], shown: list[str]):
    assert lines(message) == shown
