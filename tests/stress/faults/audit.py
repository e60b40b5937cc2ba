"""The audit: compares every request and its response with the sessions table at the end.

There are three kinds of responses. 2xx acknowledges a write: it must be in the table. 4xx refuses it: it must
not be there. 503, or no response, leaves it open: it may be there, completely or not at all, and the same
create sent again with its key must return its session.

Every update carries If-Match, so at most one update made each version of a session. The history of a session
is therefore a chain from the version of its create to the version in the table, and each step must be
explained by a request that was acknowledged or left open.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.stress.load.workload import NO_RESPONSE, Exchange, Response, sessions_in

OPEN = (NO_RESPONSE, 503)
Content = Mapping[str, str]
CONTENT = ("sourceLanguage", "qualityTier", "status")
CLOCK_S = 0.001  # the resolution of versions, which are epoch milliseconds


@dataclass(frozen=True)
class Row:
    """A session in the table."""

    first_version: int
    version: int
    content: dict[str, str]


def read_table(client: Any, table: str) -> dict[str, Row]:
    """Return every row of the sessions table by id. `client` must reach DynamoDB without faults."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {
        item["sessionId"]["S"]: Row(
            int(item["createdAt"]["N"]),  # the first version of a session is its creation time
            int(item["version"]["N"]),
            {name: item[name]["S"] for name in CONTENT},
        )
        for page in pages
        for item in page["Items"]
    }


def acknowledged(exchange: Exchange) -> bool:
    """Return whether the response is 2xx."""
    return 200 <= exchange.status < 300


def refused(exchange: Exchange) -> bool:
    """Return whether the response is 4xx."""
    return 400 <= exchange.status < 500


def left_open(exchange: Exchange) -> bool:
    """Return whether the client cannot know if the request was carried out."""
    return exchange.status in OPEN


def audit(exchanges: Sequence[Exchange], rows: Mapping[str, Row], *, settled: bool = False) -> list[str]:
    """Return a sentence for each contradiction between responses and table.

    `settled` means that every create that was left open has been repeated until acknowledged, so that every
    row belongs to an acknowledged create.
    """
    findings = [*_wrong_statuses(exchanges), *_wrong_creates(exchanges, rows, settled=settled)]
    for session, history in _histories(exchanges).items():
        findings += _wrong_history(session, history, rows)
    return findings


def settle(exchanges: Sequence[Exchange], repeat: Callable[[Exchange], Response]) -> list[Exchange]:
    """Send each create that was left open once more, with `repeat`. Return the new exchanges."""
    answered = {one.key for one in exchanges if one.operation == "create" and acknowledged(one)}
    unanswered = {
        one.key: one
        for one in exchanges
        if one.operation == "create" and one.key not in answered and left_open(one)
    }
    settled = []
    for exchange in unanswered.values():
        at, began = time.time(), time.monotonic()
        response = repeat(exchange)
        settled.append(
            replace(
                exchange,
                at=at,
                took=time.monotonic() - began,
                status=response.status,
                version=response.version,
                seen=sessions_in(response),
            )
        )
    return settled


def applied(exchanges: Sequence[Exchange], rows: Mapping[str, Row]) -> list[Exchange]:
    """Return the creates and updates that were left open and are in the table."""
    ids = {one.key: one.seen[0][0] for one in exchanges if one.operation == "create" and one.seen}
    explained = {
        (one.session, one.version) for one in exchanges if one.operation == "update" and acknowledged(one)
    }
    found: list[Exchange] = []
    # Newest first: a user repeats an update only after reading that the earlier one was not applied.
    for exchange in filter(left_open, reversed(exchanges)):
        if exchange.operation == "create":
            row = rows.get(ids.get(exchange.key, ""))
            # The first version is the time of creation, which tells this request from a later one with its
            # key.
            end = exchange.at + exchange.took + 2 * CLOCK_S
            if row and exchange.at <= row.first_version / 1000 + CLOCK_S <= end:
                found.append(exchange)
        elif exchange.operation == "update" and exchange.if_match is not None and not exchange.refusal:
            row = rows.get(exchange.session or "")
            version = (exchange.session, exchange.if_match + 1)
            ended = row and row.content["status"] == "ended" and row.version == exchange.if_match + 1
            if row and row.version > exchange.if_match and version not in explained and not ended:
                explained.add(version)
                found.append(exchange)
    return found


def _wrong_statuses(exchanges: Iterable[Exchange]) -> Iterable[str]:
    for one in exchanges:
        if one.refusal and one.status not in (one.refusal, *OPEN):
            yield f"{_describe(one)}: expected {one.refusal}"
        elif not one.refusal and not acknowledged(one) and one.status not in (*OPEN, 412):
            yield f"{_describe(one)}: unexpected status"
        if one.operation == "get" and acknowledged(one) and (one.version or 0) < (one.floor or 0):
            yield f"{_describe(one)}: version {one.version} is older than the acknowledged {one.floor}"


def _wrong_creates(exchanges: Sequence[Exchange], rows: Mapping[str, Row], *, settled: bool) -> Iterable[str]:
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in exchanges:
        if one.operation == "create" and one.key and acknowledged(one):
            ids[one.speaker, one.key] |= {session for session, _, _ in one.seen}
    for (_, key), sessions in ids.items():
        if len(sessions) > 1:
            yield f"Key {key} created several sessions: {sorted(sessions)}"
    owners = Counter(session for sessions in ids.values() for session in sessions)
    speakers = {session: speaker for (speaker, _), sessions in ids.items() for session in sessions}
    for one in exchanges:
        if one.operation == "list":
            foreign = [
                session for session, _, _ in one.seen if speakers.get(session, one.speaker) != one.speaker
            ]
            yield from (f"{_describe(one)}: contains {session} of {speakers[session]}" for session in foreign)
    yield from (f"{session} was returned for {count} keys" for session, count in owners.items() if count > 1)
    yield from (f"{session} was acknowledged and is lost" for session in owners if session not in rows)
    if settled:
        open_keys = {one.key for one in exchanges if one.operation == "create" and left_open(one)}
        yield from (f"Key {key} was never acknowledged" for key in open_keys - {key for _, key in ids})
        yield from (f"{session} is in the table unacknowledged" for session in rows if session not in owners)


@dataclass
class _History:
    """The requests for one session, and what responses contained of it."""

    sent: dict[str, str]
    updates: dict[int, list[Exchange]]  # by the version in If-Match
    deletes: list[Exchange]
    seen: dict[int, list[Content]]  # by version
    listed: list[Content]


def _histories(exchanges: Sequence[Exchange]) -> dict[str, _History]:
    histories: dict[str, _History] = {}
    for one in exchanges:
        if one.operation == "create" and acknowledged(one):
            new = _History(one.sent, defaultdict(list), [], defaultdict(list), [])
            histories.setdefault(one.seen[0][0], new)
    for one in exchanges:
        for session, version, content in one.seen:
            if version is None and session in histories:
                histories[session].listed.append(content)
            elif version is not None:
                histories[session].seen[version].append(content)
        history = histories.get(one.session or "")
        if history and one.operation == "update" and one.if_match is not None and not one.refusal:
            history.updates[one.if_match].append(one)
        elif history and one.operation == "delete":
            history.deletes.append(one)
    return histories


def _wrong_history(session: str, history: _History, rows: Mapping[str, Row]) -> Iterable[str]:
    """Follow the versions of a session from its create to its row."""
    row = rows.get(session)
    if row is None:
        return
    for one in (update for updates in history.updates.values() for update in updates):
        if acknowledged(one) and (one.version != (one.if_match or 0) + 1 or one.version > row.version):
            yield f"{_describe(one)}: version {one.version} was acknowledged and is lost at {row.version}"
        if one.status == 412 and not one.refusal and row.version == one.if_match:
            yield f"{_describe(one)}: refused, although the session had not changed"
    if any(map(acknowledged, history.deletes)) and row.content["status"] != "ended":
        yield f"The end of {session} was acknowledged and is lost"
    possible: list[Content] = [{**history.sent, "status": "active"}]
    ever = list(possible)
    for version in range(row.first_version, row.version + 1):
        if version > row.first_version:
            possible = _next(possible, version, history)
        seen = history.seen.get(version, [])
        for content in seen:
            if content not in possible:
                yield f"{session} was {dict(content)} at version {version}, which no request explains"
        possible = [one for one in possible if all(one == content for content in seen)]
        ever += possible
    for content in history.listed:
        if content not in ever:
            yield f"{session} was listed as {dict(content)}, which it never was"
    if row.content not in possible:
        yield f"{session} is {row.content} at version {row.version}, which no request explains"
    later = [version for version in history.seen if version > row.version]
    if later:
        yield f"{session} was seen at version {max(later)}, but its row is at {row.version}"


def _next(possible: list[Content], version: int, history: _History) -> list[Content]:
    """Return the possible contents at `version`, from those at the version before."""
    updates = history.updates.get(version - 1, [])
    fields = [update.sent for update in updates if acknowledged(update)] or [
        *(update.sent for update in updates if left_open(update)),
        *({"status": "ended"} for delete in history.deletes if acknowledged(delete) or left_open(delete)),
    ]
    after: list[Content] = []
    for content in possible:
        for changed_fields in fields:
            changed = {**content, **changed_fields}
            if content["status"] != "ended" and changed not in after:
                after.append(changed)
    return after


def _describe(exchange: Exchange) -> str:
    target = exchange.session or f"key {exchange.key}"
    return f"{exchange.operation} of {target} at {exchange.at:.2f} s ({exchange.status})"
