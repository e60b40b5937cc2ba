"""Captions over real sockets: from what a speaker publishes to each listener's language, and the history."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from scripts import local_system
from scripts.local.aws.stand_in import Fault
from scripts.local.aws.translate import TextToTranslate
from scripts.local.system import System
from tests.faults.in_process.conftest import (
    CAPTION_CHARACTERS_PER_MINUTE,
    MAX_LANGUAGES,
    TIMEOUT_S,
    Session,
    dynamodb,
    processes_of,
    table,
)
from tests.support.eventually import eventually
from tests.support.websocket_clients import WebSocketClient

Json = dict[str, Any]
Heard = tuple[int, str, str]
"""A caption as a client received it: its sequence, the language of its text, and the text."""

THROTTLED, DOWN, SLOW = Fault("TooManyRequestsException"), Fault(drops=True), Fault(seconds=60)
MESSAGE_LIMIT_BYTES = 32 * 1024


class Translations:
    """The texts that Amazon Translate was asked to translate; `fault` decides how a request fails."""

    def __init__(self) -> None:
        self.requests: list[TextToTranslate] = []
        self.fault: Callable[[TextToTranslate], Fault | None] = lambda _: None

    def __call__(self, request: TextToTranslate) -> Fault | None:
        """Record a request, and return its fault."""
        self.requests.append(request)
        return self.fault(request)

    def targets(self, text: str) -> list[str]:
        """Return the languages into which a text was to be translated, one for each request."""
        return sorted(request.target for request in self.requests if request.text == text)


@pytest.fixture
def translations(local: System) -> Translations:
    translations = Translations()
    local.translate.fault = translations
    return translations


class Speaker:
    """The speaker's connection. It sends a message and waits for the answer."""

    def __init__(self, session: Session) -> None:
        self.client = session.speaker()
        self.joined = joined(self.client)
        self._sequence: int = self.joined["lastSequence"]

    def publish(self, text: str) -> int:
        """Publish a caption, and return its sequence."""
        self._sequence += 1
        answer = self.ask(action="publishCaption", sequence=self._sequence, text=text)
        assert (answer["type"], answer.get("sequence")) == ("captionPublished", self._sequence), answer
        return self._sequence

    def refused(self, **message: Any) -> tuple[str, list[str]]:
        """Send a message that must be refused. Return the code, and the fields that are not valid."""
        return refusal(self.ask(**message))

    def ask(self, **message: Any) -> Json:
        """Send a message, and return its answer."""
        return ask(self.client, **message)


def ask(client: WebSocketClient, **message: Any) -> Json:
    """Send a message, and return its answer."""
    answer_types = {"captionPublished", "languageChanged", "sessionJoined", "error"}

    def answers() -> list[Json]:
        return [one for one in client.messages if one.get("type") in answer_types or "type" not in one]

    before = len(answers())
    client.send(json.dumps(message))
    eventually(lambda: len(answers()) > before)
    return answers()[before]


def refusal(answer: Json) -> tuple[str, list[str]]:
    """Return the code of an error, and the fields that are not valid."""
    assert answer["type"] == "error", answer
    return answer["code"], [detail["field"] for detail in answer.get("details", [])]


def joined(client: WebSocketClient) -> Json:
    """Wait until a connection is welcomed, a listener's with its history; return sessionJoined."""
    eventually(lambda: "sessionJoined" in types(client))
    message = next(message for message in client.messages if message["type"] == "sessionJoined")
    if message["role"] == "listener":
        eventually(lambda: "captions" in types(client))
    return message


def types(client: WebSocketClient) -> list[str]:
    """Return the types of all messages that a client has received."""
    return [message.get("type", "") for message in client.messages]


def listen(session: Session, language: str, **query: str) -> WebSocketClient:
    """Connect a listener, and wait until it is welcomed."""
    client = session.listener(language, **query)
    joined(client)
    return client


def heard(client: WebSocketClient) -> list[Heard]:
    """Return the captions that a client has received one by one, in the order of their arrival."""
    return [
        (message["sequence"], message["language"], message["text"])
        for message in client.messages
        if message["type"] == "caption"
    ]


def histories(client: WebSocketClient) -> list[list[Heard]]:
    """Return what each message `captions` had."""
    return [
        [(one["sequence"], one["language"], one["text"]) for one in message["captions"]]
        for message in client.messages
        if message["type"] == "captions"
    ]


def audiences(client: WebSocketClient) -> list[Json]:
    """Return the numbers of listeners by language that a speaker has been sent."""
    return [message["byLanguage"] for message in client.messages if message["type"] == "audience"]


def end(session: Session, *clients: WebSocketClient) -> None:
    """End the session, after which clients receive nothing more, and wait for that."""
    session.end()
    eventually(lambda: all(client.closed for client in clients))


def invoke(local: System, event: object) -> Json:
    """Publish without a connection, as a transcription pipeline does, and return the answer."""
    client = local_system.aws_client("lambda", local.aws.url)
    function = "session-service-local-publish_caption:live"
    response = client.invoke(FunctionName=function, Payload=json.dumps(event))
    assert "FunctionError" not in response
    answer: Json = json.load(response["Payload"])
    return answer


# --- From the speaker to each listener


def test_each_client_hears_each_caption_once_in_order_and_in_its_language(
    session: Session, translations: Translations
):
    speaker = Speaker(session)
    spanish, also_spanish, french, english = (
        listen(session, language) for language in ("es", "es", "fr", "en")
    )
    texts = [f"Sentence {number}: {session.id}" for number in (1, 2, 3)]

    for text in texts:
        speaker.publish(text)
    everybody = (speaker.client, spanish, also_spanish, french, english)
    eventually(lambda: all(len(heard(client)) == 3 for client in everybody))
    end(session, *everybody)

    said = list(enumerate(texts, start=1))
    for client, language in ((spanish, "es"), (also_spanish, "es"), (french, "fr")):
        assert heard(client) == [(number, language, f"[{language}] {text}") for number, text in said]
    for client in (speaker.client, english):
        assert heard(client) == [(number, "en", text) for number, text in said]
    # Once per language, not per listener, and never into the language in which it was said.
    assert [translations.targets(text) for text in texts] == [["es", "fr"]] * 3


def test_a_caption_has_the_fields_of_its_message(session: Session):
    speaker, listener = Speaker(session), listen(session, "es")
    spoken_at = session.read()["createdAt"] + 1

    answer = speaker.ask(action="publishCaption", sequence=7, text="Hello", spokenAt=spoken_at)
    eventually(lambda: heard(listener) and heard(speaker.client))

    (caption,) = [message for message in listener.messages if message["type"] == "caption"]
    (own,) = [message for message in speaker.client.messages if message["type"] == "caption"]
    assert caption.pop("timestamp") >= spoken_at
    assert caption == {
        "type": "caption", "sessionId": session.id, "sequence": 7, "language": "es", "text": "[es] Hello",
        "sourceLanguage": "en", "translated": True, "spokenAt": spoken_at,
    }  # fmt: skip
    assert (own["text"], own["translated"]) == ("Hello", False)
    assert answer.keys() == {"type", "sequence", "timestamp"}


def test_each_connection_is_told_the_state_of_the_session_first(session: Session):
    session.change(status="paused")

    speaker, listener = Speaker(session), listen(session, "es")

    state = {"sessionId": session.id, "sourceLanguage": "en", "qualityTier": "standard", "status": "paused"}
    assert speaker.joined.items() >= {**state, "role": "speaker", "lastSequence": 0}.items()
    assert joined(listener).items() >= {**state, "role": "listener", "targetLanguage": "es"}.items()
    assert joined(listener)["connectionId"] in session.local.connections
    assert types(listener)[:2] == ["sessionJoined", "captions"]
    assert histories(listener) == [[]]


def test_a_client_resynchronizes_with_join_session(session: Session):
    speaker, listener = Speaker(session), listen(session, "es")
    sequence = speaker.publish("Hello")
    session.change(status="paused")

    again = speaker.ask(action="joinSession", sessionId=session.id, targetLanguage="en")
    listeners = ask(listener, action="joinSession")

    assert (again["type"], again["lastSequence"], again["status"]) == ("sessionJoined", sequence, "paused")
    assert (listeners["type"], listeners["targetLanguage"]) == ("sessionJoined", "es")
    assert again["version"] > speaker.joined["version"]


def test_nothing_is_translated_for_nobody(session: Session, translations: Translations):
    speaker = Speaker(session)

    speaker.publish("Is anybody there?")

    eventually(lambda: heard(speaker.client) == [(1, "en", "Is anybody there?")])
    assert translations.requests == []


def test_the_languages_with_most_listeners_are_translated_and_the_others_get_the_source_text(
    session: Session, translations: Translations
):
    languages = ["es", "fr", "de", "it"]
    assert len(languages) == MAX_LANGUAGES + 1
    speaker, (*many, single) = Speaker(session), (listen(session, language) for language in languages)
    many += [listen(session, language) for language in languages[:MAX_LANGUAGES]]

    speaker.publish("Hello")

    eventually(lambda: all(heard(client) for client in (*many, single)))
    assert translations.targets("Hello") == sorted(languages[:MAX_LANGUAGES])
    assert heard(single) == [(1, "en", "Hello")]
    assert {heard(client)[0][1] for client in many} == set(languages[:MAX_LANGUAGES])


def test_captions_of_one_session_reach_no_other(session: Session, open_session: Callable[..., Session]):
    other = open_session()
    speaker, other_speaker = Speaker(session), Speaker(other)
    listener, other_listener = listen(session, "es"), listen(other, "es")

    speaker.publish("One")
    other_speaker.publish("Two")

    eventually(lambda: heard(listener) and heard(other_listener))
    end(session, listener)
    end(other, other_listener)
    assert heard(listener) == [(1, "es", "[es] One")]
    assert heard(other_listener) == [(1, "es", "[es] Two")]


# --- Who comes late, and who changes the language


def test_who_comes_late_gets_the_last_captions_first(session: Session):
    speaker, early = Speaker(session), listen(session, "es")
    speaker.publish("One")
    speaker.publish("Two")
    eventually(lambda: len(heard(early)) == 2)

    spanish, french = listen(session, "es"), listen(session, "fr")

    assert histories(spanish) == [[(1, "es", "[es] One"), (2, "es", "[es] Two")]]
    # Nobody listened in French then.
    assert histories(french) == [[(1, "en", "One"), (2, "en", "Two")]]
    speaker.publish("Three")
    eventually(lambda: heard(spanish) and heard(french))
    assert heard(spanish) == [(3, "es", "[es] Three")]
    assert heard(french) == [(3, "fr", "[fr] Three")]


def test_who_connects_while_somebody_speaks_misses_nothing(session: Session):
    speaker = Speaker(session)
    listeners = []

    for number in range(1, 13):
        if number % 2:
            listeners.append(session.listener(("es", "fr")[number % 4 == 1]))
        speaker.publish(f"Sentence {number}")

    def sequences(client: WebSocketClient) -> set[int]:
        return {sequence for sequence, _, _ in sum(histories(client), heard(client))}

    eventually(lambda: all(sequences(listener) == set(range(1, 13)) for listener in listeners))
    assert len(listeners) == 6


def test_a_language_is_changed_in_the_middle(session: Session, translations: Translations):
    speaker, listener = Speaker(session), listen(session, "es")
    speaker.publish("One")
    eventually(lambda: heard(listener))

    answer = ask(listener, action="changeLanguage", targetLanguage="fr", sessionId=session.id)
    eventually(lambda: len(histories(listener)) == 2)
    speaker.publish("Two")

    eventually(lambda: len(heard(listener)) == 2)
    assert (answer["type"], answer["targetLanguage"]) == ("languageChanged", "fr")
    # What was said before is there as it was spoken, because nobody listened in French.
    assert histories(listener)[1] == [(1, "en", "One")]
    assert heard(listener) == [(1, "es", "[es] One"), (2, "fr", "[fr] Two")]
    assert translations.targets("Two") == ["fr"]
    assert ask(listener, action="joinSession")["targetLanguage"] == "fr"
    eventually(lambda: audiences(speaker.client)[-1:] == [{"fr": 1}])


@pytest.mark.parametrize("language", ["xx", "ES", "", 5, None])
def test_a_language_that_the_service_does_not_have_changes_nothing(session: Session, language: object):
    listener = listen(session, "es")

    answer = ask(listener, action="changeLanguage", targetLanguage=language)

    assert refusal(answer) == ("INVALID_MESSAGE", ["targetLanguage"])
    assert answer["action"] == "changeLanguage"
    assert ask(listener, action="joinSession")["targetLanguage"] == "es"


def test_twenty_long_captions_reach_who_comes_late_within_the_size_of_a_message(
    open_session: Callable[..., Session],
):
    session = open_session("zh")
    speaker, listener = Speaker(session), listen(session, "zh")
    texts = ["\u4f60\u597d" * 499 + f"{number:02}" for number in range(1, 21)]
    for text in texts:
        speaker.publish(text)
    eventually(lambda: len(heard(listener)) == 20)

    late = listen(session, "zh")

    (history,) = histories(late)
    sizes = {len(text.encode()) for text in late.texts if '"captions"' in text}
    assert max(sizes) <= MESSAGE_LIMIT_BYTES
    # The newest are there, in order, as many as fit: another one of 3 KB would not.
    assert history == [(number, "zh", texts[number - 1]) for number in range(21 - len(history), 21)]
    assert max(sizes) + len(texts[0].encode()) > MESSAGE_LIMIT_BYTES


# --- What is refused


def test_nothing_is_published_while_the_session_is_paused(session: Session):
    speaker, listener = Speaker(session), listen(session, "es")
    speaker.publish("One")
    session.change(status="paused")

    assert speaker.refused(action="publishCaption", sequence=2, text="Two") == ("SESSION_PAUSED", [])
    repeated = speaker.ask(action="publishCaption", sequence=1, text="One")
    session.change(status="active")
    speaker.publish("Two")

    assert (repeated["type"], repeated["sequence"]) == ("captionPublished", 1)
    eventually(lambda: len(heard(listener)) == 2)
    assert heard(listener) == [(1, "es", "[es] One"), (2, "es", "[es] Two")]


def test_nothing_is_published_after_the_end_or_the_expiry(
    session: Session, open_session: Callable[..., Session]
):
    expired = open_session()
    speaker = Speaker(expired)
    dynamodb(expired.local).update_item(
        TableName=table(expired.local, "sessions"),
        Key={"sessionId": {"S": expired.id}},
        UpdateExpression="SET expiresAt = :past",
        ExpressionAttributeValues={":past": {"N": "1767225600"}},
    )
    session.end()

    ended = invoke(session.local, {"sessionId": session.id, "sequence": 1, "text": "One"})

    assert refusal(ended) == ("SESSION_ENDED", [])
    assert speaker.refused(action="publishCaption", sequence=1, text="One") == ("SESSION_NOT_FOUND", [])
    assert speaker.refused(action="joinSession") == ("SESSION_NOT_FOUND", [])


@pytest.mark.parametrize("who", ["anybody", "another speaker", "the owner"])
def test_who_listens_may_not_publish(session: Session, local: System, who: str):
    tokens = {"another speaker": local.token("another"), "the owner": session.token}
    token = {"token": tokens[who]} if who in tokens else {}
    listener = listen(session, "es", **token)

    answer = ask(listener, action="publishCaption", sequence=1, text="Mine", sessionId=session.id)

    assert refusal(answer) == ("NOT_AUTHORIZED", [])
    assert (answer["action"], answer["sequence"]) == ("publishCaption", 1)
    assert session.call("GET", f"{session.path}/captions").json()["captions"] == []


def test_a_speaker_may_not_publish_in_another_session(session: Session, open_session: Callable[..., Session]):
    other, listener = Speaker(open_session()), listen(session, "es")

    answer = other.ask(action="publishCaption", sequence=1, text="Mine", sessionId=session.id)

    assert refusal(answer) == ("INVALID_MESSAGE", ["sessionId"])
    end(session, listener)
    assert heard(listener) == []


def test_the_speaker_has_no_language_to_change(session: Session):
    assert Speaker(session).refused(action="changeLanguage", targetLanguage="fr") == ("NOT_AUTHORIZED", [])


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"sequence": 3, "text": "Other"}, ["sequence"]),
        ({"sequence": 2, "text": "Two"}, ["sequence"]),
        ({"sequence": 0}, ["sequence"]),
        ({"sequence": "4"}, ["sequence"]),
        ({"sequence": 2**31}, ["sequence"]),
        ({"text": " "}, ["text"]),
        ({"text": "x" * 1001}, ["text"]),
        ({"text": None, "sequence": None, "spokenAt": "now"}, ["sequence", "text", "spokenAt"]),
    ],
)
def test_a_caption_that_is_not_valid_or_not_new_is_refused_and_heard_by_nobody(
    session: Session, changed: Json, fields: list[str]
):
    speaker, listener = Speaker(session), listen(session, "es")
    for text in ("One", "Two", "Three"):
        speaker.publish(text)
    eventually(lambda: len(heard(listener)) == 3)

    answer = speaker.ask(**{"action": "publishCaption", "sequence": 4, "text": "Four", **changed})
    end(session, listener)

    assert refusal(answer) == ("INVALID_MESSAGE", fields)
    assert [sequence for sequence, _, _ in heard(listener)] == [1, 2, 3]


def test_the_last_caption_is_answered_again_and_heard_once(session: Session):
    speaker, listener = Speaker(session), listen(session, "es")
    message = {"action": "publishCaption", "sequence": 5, "text": "Five", "duration": 3, "chunkId": "old"}

    answers = [speaker.ask(**message) for _ in range(3)]
    eventually(lambda: heard(listener))
    end(session, listener)

    assert [(answer["type"], answer["sequence"]) for answer in answers] == [("captionPublished", 5)] * 3
    assert heard(listener) == [(5, "es", "[es] Five")]


@pytest.mark.parametrize("body", ["not JSON", "[]", "5", '"publishCaption"'])
def test_what_is_no_message_has_no_known_action(session: Session, body: str):
    listener = listen(session, "es")

    listener.send(body)

    eventually(lambda: "error" in listener.types())
    assert listener.messages[-1].items() >= {"code": "UNKNOWN_ACTION", "message": "Unknown action"}.items()
    assert isinstance(listener.messages[-1]["timestamp"], int)


# --- Reconnecting, and pipelines


def test_a_speaker_who_reconnects_goes_on_from_the_last_sequence(session: Session):
    first, listener = Speaker(session), listen(session, "es")
    first.publish("One")
    first.publish("Two")
    first.client.close()

    second = Speaker(session)
    second.publish("Three")

    assert second.joined["lastSequence"] == 2
    eventually(lambda: len(heard(listener)) == 3)
    assert [text for _, _, text in heard(listener)] == ["[es] One", "[es] Two", "[es] Three"]


def test_a_pipeline_publishes_without_a_connection(session: Session):
    listener = listen(session, "es")

    answer = invoke(session.local, {"sessionId": session.id, "sequence": 1, "text": "One"})
    refused = invoke(session.local, {"sessionId": session.id, "sequence": 1, "text": "Other"})

    assert (answer["type"], answer["sequence"]) == ("captionPublished", 1)
    assert refusal(refused) == ("INVALID_MESSAGE", ["sequence"])
    eventually(lambda: heard(listener) == [(1, "es", "[es] One")])


# --- Amazon Translate fails, functions are killed, sessions flood


@pytest.mark.parametrize(
    ("fault", "tries"),
    [(THROTTLED, 1), (DOWN, 2), (SLOW, 1)],  # a connection that was closed may have been an idle one
    ids=["throttled", "down", "slow"],
)
def test_without_amazon_translate_listeners_get_the_source_text_until_it_is_back(
    session: Session, translations: Translations, fault: Fault, tries: int
):
    speaker, listener, english = Speaker(session), listen(session, "es"), listen(session, "en")

    translations.fault = lambda _: fault
    speaker.publish("One")
    eventually(lambda: heard(listener))
    translations.fault = lambda _: None
    speaker.publish("Two")
    eventually(lambda: len(heard(listener)) == len(heard(english)) == 2)

    assert heard(listener) == [(1, "en", "One"), (2, "es", "[es] Two")]
    assert translations.targets("One") == ["es"] * tries
    assert [message["translated"] for message in listener.messages if message["type"] == "caption"] == [
        False,
        True,
    ]


def test_one_language_that_fails_does_not_affect_the_others(session: Session, translations: Translations):
    speaker, spanish, french = Speaker(session), listen(session, "es"), listen(session, "fr")
    translations.fault = lambda request: THROTTLED if request.target == "es" else None

    speaker.publish("One")

    eventually(lambda: heard(spanish) and heard(french))
    assert heard(spanish) == [(1, "en", "One")]
    assert heard(french) == [(1, "fr", "[fr] One")]


def test_a_consumer_that_is_killed_half_way_finishes_its_captions_after_its_restart(
    session: Session, translations: Translations
):
    speaker, first, second = Speaker(session), listen(session, "es"), listen(session, "es")
    blocked, refused = joined(second)["connectionId"], []

    def refuse(method: str, connection_id: str) -> int | None:
        if method == "POST" and connection_id == blocked:
            refused.append(connection_id)
            return 429
        return None

    session.local.management_api.forced_status = refuse
    speaker.publish("One")
    eventually(lambda: heard(first) and refused)
    killed = processes_of("translate_captions")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    session.local.management_api.forced_status = lambda _, __: None
    speaker.publish("Two")

    eventually(lambda: len(heard(second)) == 2)
    eventually(lambda: (2, "es", "[es] Two") in heard(first))
    assert killed
    assert heard(second) == [(1, "es", "[es] One"), (2, "es", "[es] Two")]
    # Who had been sent it before may hear it again, in order, and it was translated once.
    assert sorted(heard(first)) == heard(first)
    assert heard(first).count((1, "es", "[es] One")) in (1, 2)
    assert translations.targets("One") == ["es"]


def test_the_flood_of_one_session_is_limited_and_does_not_affect_another(
    session: Session, open_session: Callable[..., Session], translations: Translations
):
    other = open_session()
    flooding, speaker = Speaker(session), Speaker(other)
    flooded, listener = listen(session, "es"), listen(other, "es")
    translations.fault = lambda request: SLOW if request.text.startswith("Flood") else None
    # The flood may begin in one minute and be refused in the next.
    most = 2 * CAPTION_CHARACTERS_PER_MINUTE // 1000 + 1

    answers = []
    for number in range(1, most + 1):
        answers.append(flooding.ask(action="publishCaption", sequence=number, text="Flood".ljust(1000, "!")))
        speaker.publish(f"Sentence {number}")
        if answers[-1]["type"] == "error":
            break

    assert refusal(answers[-1]) == ("RATE_LIMITED", [])
    assert 1 <= answers[-1]["retryAfter"] <= 60
    assert len(answers) > CAPTION_CHARACTERS_PER_MINUTE // 1000
    sentences = [(number, "es", f"[es] Sentence {number}") for number in range(1, len(answers) + 1)]
    eventually(lambda: len(heard(listener)) == len(sentences))
    assert heard(listener) == sentences
    # The flood itself arrives too, untranslated, as far as it was not refused.
    eventually(lambda: len(heard(flooded)) == len(answers) - 1)
    assert {language for _, language, _ in heard(flooded)} == {"en"}


# --- The history over HTTP


@pytest.fixture
def spoken(session: Session) -> Iterator[Session]:
    """A session in which three captions were heard in Spanish."""
    speaker, listener = Speaker(session), listen(session, "es")
    for text in ("One", "Two < Three", "Three"):
        speaker.publish(text)
    eventually(lambda: len(heard(listener)) == 3)
    return session


def history(session: Session, accept: str = "application/json", **query: object) -> requests.Response:
    return requests.get(
        f"{session.local.url}{session.path}/captions",
        params={name: str(value) for name, value in query.items()},
        headers={"Accept": accept},
        timeout=TIMEOUT_S,
    )


def test_the_history_is_public_and_in_pages(spoken: Session):
    first = history(spoken, language="es", limit=2)
    second = history(spoken, language="es", limit=2, after=first.json()["nextAfter"])

    assert (first.status_code, second.status_code) == (200, 200)
    captions = first.json()["captions"] + second.json()["captions"]
    assert [(one["sequence"], one["text"], one["translated"]) for one in captions] == [
        (1, "[es] One", True),
        (2, "[es] Two < Three", True),
        (3, "[es] Three", True),
    ]
    assert (first.json()["sessionId"], first.json()["language"]) == (spoken.id, "es")
    assert (first.json()["nextAfter"], "nextAfter" in second.json()) == (2, False)


def test_the_history_is_in_the_source_language_by_default_and_where_nothing_was_translated(spoken: Session):
    assert [one["text"] for one in history(spoken).json()["captions"]] == ["One", "Two < Three", "Three"]
    assert {one["language"] for one in history(spoken, language="fr").json()["captions"]} == {"en"}


def test_the_history_as_webvtt(spoken: Session):
    response = history(spoken, "text/vtt", language="es", limit=2)

    assert response.headers["Content-Type"] == "text/vtt; charset=utf-8"
    blocks = response.text.strip().split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert [block.split("\n")[::2] for block in blocks[1:]] == [
        ["1", "[es] One"],
        ["2", "[es] Two &lt; Three"],
    ]
    link, _, relation = response.headers["Link"].partition(">; ")
    assert relation == 'rel="next"'
    following = requests.get(spoken.local.url + link[1:], headers={"Accept": "text/vtt"}, timeout=TIMEOUT_S)
    assert "[es] Three" in following.text
    assert "Link" not in following.headers


@pytest.mark.parametrize(
    ("path", "accept", "query", "status", "code"),
    [
        ("", "text/html", {}, 406, "NOT_ACCEPTABLE"),
        ("", "application/json", {"limit": 101}, 400, "INVALID_REQUEST"),
        ("", "application/json", {"language": "xx"}, 400, "INVALID_REQUEST"),
        ("9", "application/json", {}, 404, "SESSION_NOT_FOUND"),
    ],
)
def test_a_history_that_cannot_be_read_is_refused(
    session: Session, path: str, accept: str, query: Json, status: int, code: str
):
    response = requests.get(
        f"{session.local.url}{session.path}{path}/captions",
        params=query,
        headers={"Accept": accept},
        timeout=TIMEOUT_S,
    )

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_no_log_has_what_was_said(session: Session):
    speaker, listener = Speaker(session), listen(session, "es")
    secret = f"Nobody may read {session.id} here"

    speaker.publish(secret)
    speaker.refused(action="publishCaption", sequence=1, text=f"{secret}.")
    eventually(lambda: heard(listener))

    logs = [path for path in (session.local.work / "logs").iterdir() if path.suffix == ".log"]
    assert any("publish_caption" in path.name for path in logs)
    assert [path.name for path in logs if secret in path.read_text(errors="replace")] == []
