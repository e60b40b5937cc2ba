"""The ledger: what was asked and answered, held against the table at the end.

Three kinds of answer. 2xx acknowledges: it must be there. 4xx refuses: it must not be there. 503, or none at
all, leaves it open: it may be there, wholly or not at all, and the same create sent again with its key must
find it.

All changes carry If-Match, so each version of a session has at most one change that made it. That makes the
history of a session a chain, from the version that its create gave it to the one in its row, and each link of
the chain must be explained by a request that was acknowledged or left open.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.stress.load.mix import NO_ANSWER, Answer, Event, seen

OPEN = (NO_ANSWER, 503)
Content = Mapping[str, str]
CLOCK_S = 0.001  # versions are whole milliseconds
CONTENT = ("sourceLanguage", "qualityTier", "status")


@dataclass(frozen=True)
class Row:
    """A session as it lies in the table."""

    first_version: int
    version: int
    content: dict[str, str]


def rows_of(client: Any, table: str) -> dict[str, Row]:
    """Every row of the sessions table, by id. `client` speaks to DynamoDB itself."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {
        item["sessionId"]["S"]: Row(
            # A session's first version is its creation time: see shared/sessions/service.py.
            int(item["createdAt"]["N"]),
            int(item["version"]["N"]),
            {name: item[name]["S"] for name in CONTENT},
        )
        for page in pages
        for item in page["Items"]
    }


def acknowledged(event: Event) -> bool:
    return 200 <= event.status < 300


def refused(event: Event) -> bool:
    return 400 <= event.status < 500


def left_open(event: Event) -> bool:
    return event.status in OPEN


def check(events: Sequence[Event], rows: Mapping[str, Row], *, settled: bool = False) -> list[str]:
    """What is wrong, a sentence each; nothing when all is as it was answered.

    `settled`: every create that was left open has been sent again and acknowledged, so each row has an owner.
    """
    findings = [*_wrong_answers(events), *_creates(events, rows, settled=settled)]
    for session, history in _histories(events).items():
        findings += _chain(session, history, rows)
    return findings


def settle(events: Sequence[Event], again: Callable[[Event], Answer]) -> list[Event]:
    """Send each create that was left open once more, by `again`; return what came of them."""
    answered = {event.key for event in events if event.operation == "create" and acknowledged(event)}
    in_doubt = {
        event.key: event
        for event in events
        if event.operation == "create" and event.key not in answered and left_open(event)
    }
    settled = []
    for event in in_doubt.values():
        at, began = time.time(), time.monotonic()
        answer = again(event)
        settled.append(
            replace(
                event,
                at=at,
                took=time.monotonic() - began,
                status=answer.status,
                version=answer.version,
                seen=seen(answer),
            )
        )
    return settled


def applied(events: Sequence[Event], rows: Mapping[str, Row]) -> list[Event]:
    """The creates and changes that were left open and did happen."""
    ids = {event.key: event.seen[0][0] for event in events if event.operation == "create" and event.seen}
    made = {
        (event.session, event.version)
        for event in events
        if event.operation == "change" and acknowledged(event)
    }
    there: list[Event] = []
    # Whoever sends a change again has read before that the one before was not there.
    for event in filter(left_open, reversed(events)):
        if event.operation == "create":
            row = rows.get(ids.get(event.key, ""))
            # A later try with the same key may have made the session; its first version is when.
            if row and event.at <= row.first_version / 1000 + CLOCK_S <= event.at + event.took + 2 * CLOCK_S:
                there.append(event)
        elif event.operation == "change" and event.if_match is not None and not event.refusal:
            row = rows.get(event.session or "")
            version = (event.session, event.if_match + 1)
            ended = row and row.content["status"] == "ended" and row.version == event.if_match + 1
            if row and row.version > event.if_match and version not in made and not ended:
                made.add(version)
                there.append(event)
    return there


def _wrong_answers(events: Iterable[Event]) -> Iterable[str]:
    for event in events:
        if event.refusal and event.status not in (event.refusal, *OPEN):
            yield f"{_name(event)} must be refused with {event.refusal}"
        elif not event.refusal and not acknowledged(event) and event.status not in (*OPEN, 412):
            yield f"{_name(event)} has no reason to be refused"
        if event.operation == "get" and acknowledged(event) and (event.version or 0) < (event.floor or 0):
            yield f"{_name(event)} read version {event.version}, and {event.floor} was acknowledged before"


def _creates(events: Sequence[Event], rows: Mapping[str, Row], *, settled: bool) -> Iterable[str]:
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in events:
        if event.operation == "create" and event.key and acknowledged(event):
            ids[event.speaker, event.key] |= {session for session, _, _ in event.seen}
    for (_, key), sessions in ids.items():
        if len(sessions) > 1:
            yield f"The key {key} has opened {sorted(sessions)}"
    owners = Counter(session for sessions in ids.values() for session in sessions)
    speakers = {session: speaker for (speaker, _), sessions in ids.items() for session in sessions}
    for event in events:
        if event.operation == "list":
            foreign = [
                session
                for session, _, _ in event.seen
                if speakers.get(session, event.speaker) != event.speaker
            ]
            yield from (f"{_name(event)} holds {session} of {speakers[session]}" for session in foreign)
    yield from (f"{session} was given to {count} creates" for session, count in owners.items() if count > 1)
    yield from (f"{session} was acknowledged and is lost" for session in owners if session not in rows)
    if settled:
        open_ = {event.key for event in events if event.operation == "create" and left_open(event)}
        yield from (f"The key {key} was never answered" for key in open_ - {key for _, key in ids})
        yield from (f"{session} is there and nobody was told" for session in rows if session not in owners)


@dataclass
class _History:
    """What was asked of one session, and what was seen of it."""

    sent: dict[str, str]
    changes: dict[int, list[Event]]
    ends: list[Event]
    seen: dict[int, list[Content]]
    listed: list[Content]


def _histories(events: Sequence[Event]) -> dict[str, _History]:
    histories: dict[str, _History] = {}
    for event in events:
        if event.operation == "create" and acknowledged(event):
            new = _History(event.sent, defaultdict(list), [], defaultdict(list), [])
            histories.setdefault(event.seen[0][0], new)
    for event in events:
        for session, version, content in event.seen:
            if version is None and session in histories:
                histories[session].listed.append(content)
            elif version is not None:
                histories[session].seen[version].append(content)
        history = histories.get(event.session or "")
        if history and event.operation == "change" and event.if_match is not None and not event.refusal:
            history.changes[event.if_match].append(event)
        elif history and event.operation == "end":
            history.ends.append(event)
    return histories


def _chain(session: str, history: _History, rows: Mapping[str, Row]) -> Iterable[str]:
    """Follow the versions of a session from its create to its row."""
    row = rows.get(session)
    if row is None:
        return
    wrote = [change for changes in history.changes.values() for change in changes]
    for event in wrote:
        if acknowledged(event) and (
            event.version != (event.if_match or 0) + 1 or event.version > row.version
        ):
            yield f"{_name(event)} was acknowledged as version {event.version} and is lost at {row.version}"
        if event.status == 412 and not event.refusal and row.version == event.if_match:
            yield f"{_name(event)} was refused, and nothing had changed"
    if any(map(acknowledged, history.ends)) and row.content["status"] != "ended":
        yield f"The end of {session} was acknowledged and is lost"
    possible: list[Content] = [{**history.sent, "status": "active"}]
    ever = list(possible)
    for version in range(row.first_version, row.version + 1):
        if version > row.first_version:
            possible = _next(possible, version, history)
        told = history.seen.get(version, [])
        for content in told:
            if content not in possible:
                yield f"{session} was seen as {dict(content)} at version {version}, which nobody asked for"
        possible = [one for one in possible if all(one == content for content in told)]
        ever += possible
    for content in history.listed:
        if content not in ever:
            yield f"{session} was listed as {dict(content)}, which it never was"
    if row.content not in possible:
        yield f"{session} is {row.content} at version {row.version}, which nothing sent explains"
    later = [version for version in history.seen if version > row.version]
    if later:
        yield f"{session} was seen at version {max(later)}, and its row is at {row.version}"


def _next(possible: list[Content], version: int, history: _History) -> list[Content]:
    changes = history.changes.get(version - 1, [])
    made = [change.sent for change in changes if acknowledged(change)] or [
        *(change.sent for change in changes if left_open(change)),
        *({"status": "ended"} for end in history.ends if acknowledged(end) or left_open(end)),
    ]
    after: list[Content] = []
    for content in possible:
        for change in made:
            changed = {**content, **change}
            if content["status"] != "ended" and changed not in after:
                after.append(changed)
    return after


def _name(event: Event) -> str:
    what = event.session or f"key {event.key}"
    return f"{event.operation} of {what} at {event.at:.2f} s ({event.status})"
