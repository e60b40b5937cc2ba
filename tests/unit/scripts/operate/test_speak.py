"""`make speak`: it publishes lines one after the other, and goes on after refusals."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.operate import speak
from tests.support.session_service import SESSION, SessionService, serving

ENDED = {"type": "sessionEnded", "sessionId": SESSION, "reason": "expired", "timestamp": 3}

Json = dict[str, Any]
Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """These tests are about real sockets on 127.0.0.1."""


def joined(last_sequence: int) -> Json:
    return {
        "type": "sessionJoined", "sessionId": SESSION, "connectionId": "abc=", "role": "speaker",
        "lastSequence": last_sequence, "sourceLanguage": "en", "qualityTier": "standard", "status": "active",
        "version": 1, "listenerCount": 2, "timestamp": 1,
    }  # fmt: skip


def refusal(code: str, action: str = "publishCaption") -> Json:
    return {"type": "error", "code": code, "message": "No", "action": action, "timestamp": 1}


class Speaking(SessionService):
    """A session whose last sequence is known. `refusals` answer the next captions instead, one each.

    A refusal of None closes the connection; `published` are the captions in order.
    """

    def __init__(self, last_sequence: int = 0) -> None:
        super().__init__()
        self.last_sequence = last_sequence
        self.messages = [joined(last_sequence)]
        self.answer = self._answer
        self.refusals: list[list[Json] | None] = []
        self.published: list[tuple[int, str]] = []

    def _answer(self, message: Json) -> list[Json] | None:
        if message["action"] == "joinSession":
            return [joined(self.last_sequence)]
        if self.refusals:
            return self.refusals.pop(0)
        self.last_sequence = message["sequence"]
        self.published.append((message["sequence"], message["text"]))
        return [
            {"type": "captionPublished", "sequence": message["sequence"], "timestamp": 1},
            {"type": "caption", "sequence": message["sequence"], "language": "en", "text": message["text"]},
        ]


@pytest.fixture
def service() -> Speaking:
    return Speaking()


@pytest.fixture
def run(
    service: Speaking, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Run the command where the service runs, with what is typed; return exit code, lines and errors.

    With `more_follows` the input does not end.
    """
    descriptors = []

    def call(typed: bytes, *, more_follows: bool = False) -> tuple[int, list[str], str]:
        reading, writing = os.pipe()
        os.write(writing, typed)
        if more_follows:
            descriptors.append(writing)
        else:
            os.close(writing)
        with os.fdopen(reading) as standard_input:
            monkeypatch.setattr(sys, "stdin", standard_input)
            code = speak.main([SESSION, "--token", "abc", "--work", str(tmp_path)])
            if more_follows:
                os.close(descriptors.pop())
        output = capsys.readouterr()
        return code, [line.partition("  ")[2] for line in output.out.splitlines()], output.err

    with serving(service, tmp_path):
        yield call
    for descriptor in descriptors:
        os.close(descriptor)


def test_each_line_is_published_in_order_until_the_end_of_the_input(run: Run, service: Speaking):
    code, out, err = run("Good morning\n\n  \r\n¿Qué? 你好\r\nwithout a newline".encode())

    assert (code, err) == (0, "")
    assert service.published == [(1, "Good morning"), (2, "¿Qué? 你好"), (3, "without a newline")]
    assert service.query == {"sessionId": SESSION, "token": "abc"}
    assert out == [
        f"Connected as speaker to {SESSION}, which is active: spoken in en, 2 listeners. Ctrl-C disconnects.",
        "Type a line to publish it. Ctrl-D ends.",
    ]


@pytest.mark.parametrize("service", [Speaking(last_sequence=41)])
def test_it_goes_on_from_the_last_caption(run: Run, service: Speaking):
    run(b"one\ntwo\n")

    assert service.published == [(42, "one"), (43, "two")]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (refusal("SESSION_PAUSED"), "Refused: No (SESSION_PAUSED)"),
        (
            {"message": "Endpoint request timed out", "connectionId": "a"},
            "Refused: Endpoint request timed out",
        ),
    ],
)
def test_a_refusal_is_printed_and_the_next_line_goes_on_from_the_last_caption(
    run: Run, service: Speaking, answer: Json, shown: str
):
    service.last_sequence = 7  # another connection of the speaker has published
    service.refusals = [[answer]]

    code, out, _ = run(b"refused\npublished\n")

    assert code == 0
    assert out[-1] == shown
    assert service.published == [(8, "published")]


def test_messages_that_arrive_twice_are_no_answers(run: Run, service: Speaking):
    service.messages = [joined(0), joined(0)]
    service.refusals = [
        [joined(0), {"type": "captionPublished", "sequence": 9}, {"type": "captionPublished", "sequence": 1}]
    ]

    code, _, _ = run(b"one\ntwo\n")

    assert code == 0
    assert service.published == [(2, "two")]


def test_other_messages_are_printed_but_not_the_own_captions(run: Run, service: Speaking):
    audience = {"type": "audience", "listenerCount": 1, "byLanguage": {"es": 1}, "timestamp": 1}
    service.messages.append(audience)

    _, out, _ = run(b"one\n")

    assert "1 listener: es 1" in out
    assert not any("one" in line for line in out)


def test_the_end_of_the_session_ends_it(run: Run, service: Speaking):
    service.refusals = [[ENDED]]

    code, out, err = run(b"one\n", more_follows=True)

    assert (code, err) == (0, "")
    assert out[-1] == "The session has ended: expired."


def test_a_session_that_cannot_be_resumed_is_reported(run: Run, service: Speaking):
    def ended(_: Json) -> list[Json]:
        return [refusal("SESSION_ENDED")]

    service.answer = ended

    code, _, err = run(b"one\n", more_follows=True)

    assert code == 1
    assert err == "Refused: No (SESSION_ENDED)\n"


def test_a_lost_connection_is_reported(run: Run, service: Speaking):
    service.refusals = [None]

    code, _, err = run(b"one\n", more_follows=True)

    assert code == 1
    assert "The connection was lost" in err


def test_a_service_that_does_not_answer_is_reported(
    run: Run, service: Speaking, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(speak, "ANSWER_SECONDS", 0.3)
    service.messages = []

    code, _, err = run(b"one\n", more_follows=True)

    assert code == 1
    assert "has not answered" in err


def test_a_token_is_required():
    with pytest.raises(SystemExit) as refused:
        speak.main([SESSION])

    assert refused.value.code == 2
