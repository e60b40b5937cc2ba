"""What people do all day: 70 % read, 20 % create, 10 % change and end, each answer written down.

Standard library alone: the generator has packages of its own. How a request is sent comes from outside.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "zh", "ar", "hi", "nl", "pl", "tr", "sv")
TIERS = ("standard", "premium")
# In percent. A list is a read too.
MIX = {"get": 60, "list": 10, "create": 20, "change": 5, "end": 5}
# Of creates, how many send an old key again, and with the refusals switched on also with another body.
REPLAYS = 0.1
# Of creates and changes, how many must be refused when refusals are switched on.
REFUSALS = 0.2
NO_ANSWER = 0


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 is no answer at all."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def version(self) -> int | None:
        """The ETag's number."""
        tag = {name.lower(): value for name, value in self.headers.items()}.get("etag")
        return int(tag.strip('"')) if tag else None


class Send(Protocol):
    """Send a request and return its answer. `name` is the route's, for statistics."""

    def __call__(
        self, method: str, path: str, *, name: str, headers: dict[str, str], body: object = None
    ) -> Answer: ...


@dataclass
class Event:
    """A request and its answer, as a line of the ledger: `at` is epoch seconds, `took` seconds.

    `floor` is the newest version that was acknowledged before; `refusal` is the status that must come. `seen`
    are the answer's sessions: (id, version, or None when not told, content).
    """

    at: float
    took: float
    operation: str
    speaker: str
    status: int
    key: str | None = None
    session: str | None = None
    sent: dict[str, str] = field(default_factory=dict)
    if_match: int | None = None
    floor: int | None = None
    refusal: int | None = None
    version: int | None = None
    seen: list[tuple[str, int | None, dict[str, str]]] = field(default_factory=list)

    def line(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class World:
    """What everybody has been told: the newest acknowledged version of each session."""

    versions: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    def told(self, session: str, version: int) -> None:
        if session not in self.versions:
            self.ids.append(session)
        self.versions[session] = max(version, self.versions.get(session, 0))


class Speaker:
    """One signed-in person, who sends one request after the other and writes each down.

    A request that got no definite answer is not counted on: a create is sent again with its key some time,
    a changed session is read before it is changed again.
    """

    def __init__(
        self,
        name: str,
        token: str,
        *,
        world: World,
        send: Send,
        record: Callable[[Event], object],
        chance: random.Random,
        refusals: bool = False,
    ) -> None:
        self.name, self._token = name, token
        self._world, self._send, self._record, self._chance = world, send, record, chance
        self._refusals = refusals
        self._created: dict[str, tuple[dict[str, str], str]] = {}  # by key: what was sent, and the id
        self._in_doubt: dict[str, dict[str, str]] = {}  # by key: what was sent
        self._live: list[str] = []  # sessions of this speaker that may still be changed
        self._unsure: set[str] = set()  # of those, the ones whose version is not known

    def turn(self) -> None:
        """Do one thing."""
        (operation,) = self._chance.choices(list(MIX), weights=list(MIX.values()))
        if operation in ("get", "change", "end") and not self._world.ids:
            operation = "create"
        if operation in ("change", "end") and not self._live:
            operation = "get"
        getattr(self, f"_{operation}")()

    def _get(self, session: str | None = None) -> None:
        # Most people look at what is new.
        session = session or self._chance.choice(self._world.ids[-200:])
        event = self._do("get", "GET", f"/sessions/{session}", session=session)
        if event.status == 200 and event.version is not None:
            self._world.told(session, event.version)
            self._unsure.discard(session)
            ((_, _, content),) = event.seen
            if content["status"] == "ended" and session in self._live:
                self._live.remove(session)  # an end that was left open has come true

    def _list(self) -> None:
        self._do("list", "GET", "/sessions?limit=20")

    def _create(self) -> None:
        again = self._in_doubt or (self._created if self._chance.random() < REPLAYS else {})
        if self._refusals and self._created and self._chance.random() < REFUSALS:
            key = self._chance.choice(list(self._created))
            other = {**self._created[key][0], "qualityTier": "premium"}
            if other != self._created[key][0]:
                self._do("create", "POST", "/sessions", key=key, sent=other, refusal=422)
            return
        if again and (not self._in_doubt or self._chance.random() < 0.5):
            key = self._chance.choice(list(again))
            sent = self._in_doubt[key] if self._in_doubt else self._created[key][0]
        else:
            key, sent = f"{self._chance.getrandbits(96):024x}", self._wish("sourceLanguage", "qualityTier")
        event = self._do("create", "POST", "/sessions", key=key, sent=sent)
        if event.status == 201 and event.version is not None:
            ((session, _, _),) = event.seen
            if key not in self._created:
                self._live.append(session)
            self._world.told(session, event.version)
            self._created[key] = (sent, session)
            self._in_doubt.pop(key, None)
        elif event.status in (NO_ANSWER, 503):
            self._in_doubt[key] = sent

    def _change(self) -> None:
        session = self._chance.choice(self._live)
        if session in self._unsure:
            self._get(session)
            return
        sent = self._wish(self._chance.choice(("sourceLanguage", "qualityTier", "status")))
        version = self._world.versions[session]
        refused = self._refusals and self._chance.random() < REFUSALS
        event = self._do(
            "change",
            "PATCH",
            f"/sessions/{session}",
            session=session,
            sent=sent,
            if_match=version - 1 if refused else version,
            refusal=412 if refused else None,
        )
        self._wrote(session, event)

    def _end(self) -> None:
        session = self._chance.choice(self._live)
        event = self._do("end", "DELETE", f"/sessions/{session}", session=session)
        self._wrote(session, event)
        if event.status == 204:
            self._live.remove(session)

    def _wrote(self, session: str, event: Event) -> None:
        if event.status == 200 and event.version is not None:
            self._world.told(session, event.version)
        elif not event.refusal:
            self._unsure.add(session)

    def _wish(self, *names: str) -> dict[str, str]:
        choices = {"sourceLanguage": LANGUAGES, "qualityTier": TIERS, "status": ("active", "paused")}
        return {name: self._chance.choice(choices[name]) for name in names}

    def _do(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        key: str | None = None,
        session: str | None = None,
        sent: dict[str, str] | None = None,
        if_match: int | None = None,
        refusal: int | None = None,
    ) -> Event:
        headers = {"Authorization": f"Bearer {self._token}"} if operation != "get" else {}
        if key:
            headers["Idempotency-Key"] = key
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        floor = self._world.versions.get(session) if session else None
        at, began = time.time(), time.monotonic()
        answer = self._send(method, path, name=operation, headers=headers, body=sent)
        event = Event(
            at=at,
            took=time.monotonic() - began,
            operation=operation,
            speaker=self.name,
            status=answer.status,
            key=key,
            session=session,
            sent=sent or {},
            if_match=if_match,
            floor=floor,
            refusal=refusal,
            version=answer.version,
            seen=seen(answer),
        )
        self._record(event)
        return event


def seen(answer: Answer) -> list[tuple[str, int | None, dict[str, str]]]:
    """The sessions of an answer."""
    if answer.status not in (200, 201) or not isinstance(answer.body, dict):
        return []
    bodies = answer.body.get("sessions", [answer.body])
    return [
        (
            body["sessionId"],
            answer.version,
            {name: body[name] for name in ("sourceLanguage", "qualityTier", "status")},
        )
        for body in bodies
    ]
