"""The workload: 70 % reads, 20 % creates, 10 % updates and deletes; every request and response is recorded.

Standard library only, because the load generator runs in an environment of its own. The caller passes in how
a request is sent.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "zh", "ar", "hi", "nl", "pl", "tr", "sv")
TIERS = ("standard", "premium")
OPERATIONS = {"get": 60, "list": 10, "create": 20, "update": 5, "delete": 5}
"""Operations and their shares in percent."""
REPLAY_SHARE = 0.1
"""The share of creates that repeat an earlier Idempotency-Key."""
REFUSAL_SHARE = 0.2
"""The share of creates and updates that the service must refuse, if a user sends such requests."""
NO_RESPONSE = 0


@dataclass(frozen=True)
class Response:
    """An HTTP response; status 0 means that none arrived."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def version(self) -> int | None:
        """The number in the ETag."""
        tag = {name.lower(): value for name, value in self.headers.items()}.get("etag")
        return int(tag.strip('"')) if tag else None


class Send(Protocol):
    """Send a request and return its response. `name` is the operation, for statistics."""

    def __call__(
        self, method: str, path: str, *, name: str, headers: dict[str, str], body: object = None
    ) -> Response: ...


@dataclass
class Exchange:
    """A request and its response. `at` is the start in epoch seconds, `took` the duration in seconds.

    `floor` is the newest version of the session that was acknowledged before; `refusal` is the status that
    the service must send. `seen` are the sessions in the response: id, version (None in lists) and content.
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

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))


@dataclass
class KnownSessions:
    """The sessions that responses have acknowledged, with the newest version of each."""

    versions: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    def acknowledge(self, session: str, version: int) -> None:
        """Remember that a response had this version."""
        if session not in self.versions:
            self.ids.append(session)
        self.versions[session] = max(version, self.versions.get(session, 0))


class User:
    """A signed-in speaker who sends one request after the other.

    After a request without a definite response the user assumes nothing: a create is repeated later with its
    key, and a session is read before it is updated again.
    """

    def __init__(
        self,
        name: str,
        token: str,
        *,
        known: KnownSessions,
        send: Send,
        record: Callable[[Exchange], object],
        rng: random.Random,
        refusals: bool = False,
    ) -> None:
        self.name, self._token = name, token
        self._known, self._send, self._record, self._rng = known, send, record, rng
        self._refusals = refusals
        self._created: dict[str, tuple[dict[str, str], str]] = {}  # by key: the body and the session's id
        self._unanswered: dict[str, dict[str, str]] = {}  # by key: the body
        self._live: list[str] = []  # this user's sessions that have not ended
        self._unsure: set[str] = set()  # those of them whose version is unknown

    def send_request(self) -> None:
        """Send one request of a random operation."""
        (operation,) = self._rng.choices(list(OPERATIONS), weights=list(OPERATIONS.values()))
        if operation in ("get", "update", "delete") and not self._known.ids:
            operation = "create"
        if operation in ("update", "delete") and not self._live:
            operation = "get"
        getattr(self, f"_{operation}")()

    def _get(self, session: str | None = None) -> None:
        session = session or self._rng.choice(self._known.ids[-200:])  # mostly recent sessions are read
        exchange = self._exchange("get", "GET", f"/sessions/{session}", session=session)
        if exchange.status == 200 and exchange.version is not None:
            self._known.acknowledge(session, exchange.version)
            self._unsure.discard(session)
            ((_, _, content),) = exchange.seen
            if content["status"] == "ended" and session in self._live:
                self._live.remove(session)  # an unanswered delete was applied

    def _list(self) -> None:
        self._exchange("list", "GET", "/sessions?limit=20")

    def _create(self) -> None:
        if self._refusals and self._created and self._rng.random() < REFUSAL_SHARE:
            key = self._rng.choice(list(self._created))
            other = {**self._created[key][0], "qualityTier": "premium"}
            if other != self._created[key][0]:
                self._exchange("create", "POST", "/sessions", key=key, sent=other, refusal=422)
            return
        if self._unanswered and self._rng.random() < 0.5:
            key = self._rng.choice(list(self._unanswered))
            sent = self._unanswered[key]
        elif not self._unanswered and self._created and self._rng.random() < REPLAY_SHARE:
            key = self._rng.choice(list(self._created))
            sent = self._created[key][0]
        else:
            key, sent = (
                f"{self._rng.getrandbits(96):024x}",
                self._random_fields("sourceLanguage", "qualityTier"),
            )
        exchange = self._exchange("create", "POST", "/sessions", key=key, sent=sent)
        if exchange.status == 201 and exchange.version is not None:
            ((session, _, _),) = exchange.seen
            if key not in self._created:
                self._live.append(session)
            self._known.acknowledge(session, exchange.version)
            self._created[key] = (sent, session)
            self._unanswered.pop(key, None)
        elif exchange.status in (NO_RESPONSE, 503):
            self._unanswered[key] = sent

    def _update(self) -> None:
        session = self._rng.choice(self._live)
        if session in self._unsure:
            self._get(session)
            return
        sent = self._random_fields(self._rng.choice(("sourceLanguage", "qualityTier", "status")))
        version = self._known.versions[session]
        stale = self._refusals and self._rng.random() < REFUSAL_SHARE
        exchange = self._exchange(
            "update",
            "PATCH",
            f"/sessions/{session}",
            session=session,
            sent=sent,
            if_match=version - 1 if stale else version,
            refusal=412 if stale else None,
        )
        self._after_write(session, exchange)

    def _delete(self) -> None:
        session = self._rng.choice(self._live)
        exchange = self._exchange("delete", "DELETE", f"/sessions/{session}", session=session)
        self._after_write(session, exchange)
        if exchange.status == 204:
            self._live.remove(session)

    def _after_write(self, session: str, exchange: Exchange) -> None:
        if exchange.status == 200 and exchange.version is not None:
            self._known.acknowledge(session, exchange.version)
        elif not exchange.refusal:
            self._unsure.add(session)

    def _random_fields(self, *names: str) -> dict[str, str]:
        choices = {"sourceLanguage": LANGUAGES, "qualityTier": TIERS, "status": ("active", "paused")}
        return {name: self._rng.choice(choices[name]) for name in names}

    def _exchange(
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
    ) -> Exchange:
        headers = {"Authorization": f"Bearer {self._token}"} if operation != "get" else {}
        if key:
            headers["Idempotency-Key"] = key
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        floor = self._known.versions.get(session) if session else None
        at, began = time.time(), time.monotonic()
        response = self._send(method, path, name=operation, headers=headers, body=sent)
        exchange = Exchange(
            at=at,
            took=time.monotonic() - began,
            operation=operation,
            speaker=self.name,
            status=response.status,
            key=key,
            session=session,
            sent=sent or {},
            if_match=if_match,
            floor=floor,
            refusal=refusal,
            version=response.version,
            seen=sessions_in(response),
        )
        self._record(exchange)
        return exchange


def sessions_in(response: Response) -> list[tuple[str, int | None, dict[str, str]]]:
    """Return id, version and content of each session in the response."""
    if response.status not in (200, 201) or not isinstance(response.body, dict):
        return []
    return [
        (
            body["sessionId"],
            response.version,
            {name: body[name] for name in ("sourceLanguage", "qualityTier", "status")},
        )
        for body in response.body.get("sessions", [response.body])
    ]
