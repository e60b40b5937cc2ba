"""The quotas of AWS that limit a launch, and what a launch needs of each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scripts import launch_load
from scripts.launch_load import COLD_MS, POST_MS, LaunchLoad, Units, busiest_second

# Durations of warm functions; docs/cost.md bills the same ones.
JOIN_MS = 70  # of authorize_connection and connect_session together
GET_MS = 12
CREATE_MS = 25
END_MS = 15
DISCONNECT_MS = 12
PUBLISH_MS = 18
LIST_CAPTIONS_MS = 15

LANES: Mapping[str, Mapping[str, int]] = {
    "sessions": {"session_changed": 10, "presence_changed": 1},
    "connections": {"connections_changed": 1, "connection_admitted": 10},
    "live_captions": {"translate_captions": 10},
    "captions": {"speak_captions": 1},
}
"""By table, how many batches of one shard each function handles at once (parallelization_factor)."""

SHARD_WRITES_PER_SECOND, NEW_TABLE_SHARDS = 1_000, 4
"""A shard of a stream is a partition of its table. A new on-demand table has four."""

SENDING_SHARE = 0.25
"""Share of the time in which a lane of translate_captions may be busy with posts. A caption that is published
in that time waits, and some lanes have twice as many sessions as others. tests/stress/scale has the delays.
"""

INVOCATIONS_PER_CONCURRENCY = 10
"""Invocations per second that Lambda allows for each concurrent execution of the quota."""


class Raise(StrEnum):
    """Whether a quota must be raised for a launch."""

    NO = "no"
    YES = "yes"
    IN_A_NEW_ACCOUNT = "in a new account"
    ASK = "not published, ask AWS"
    IMPOSSIBLE = "exceeded, cannot be raised"


@dataclass(frozen=True)
class Quota:
    """A quota of one account and region. `default` is None if AWS sets none, or does not publish it.

    `new_account` is the default of a new account, where it is lower. `code` is that of AWS Service Quotas,
    where we know it.
    """

    name: str
    default: int | None
    source: str
    raisable: bool = True
    new_account: int | None = None
    code: str = ""
    published: bool = True

    def verdict(self, need: int) -> Raise:
        """Return whether it must be raised for a launch that needs so much."""
        if not self.published:
            return Raise.ASK
        if self.default is not None and need > self.default:
            return Raise.YES if self.raisable else Raise.IMPOSSIBLE
        if self.new_account is not None and need > self.new_account:
            return Raise.IN_A_NEW_ACCOUNT
        return Raise.NO


@dataclass(frozen=True)
class Need:
    """What a launch needs of a quota."""

    quota: Quota
    amount: int

    @property
    def verdict(self) -> Raise:
        """Whether the quota must be raised."""
        return self.quota.verdict(self.amount)


_AWS = "https://docs.aws.amazon.com/"
_API_GATEWAY = _AWS + "apigateway/latest/developerguide/"
_LAMBDA = _AWS + "lambda/latest/dg/"
_DYNAMODB = _AWS + "amazondynamodb/latest/developerguide/"
_WEBSOCKETS = _API_GATEWAY + "apigateway-execution-service-websocket-limits-table.html"
_PARTITION = _DYNAMODB + "bp-partition-key-design.html"
_WARM = _DYNAMODB + "warm-throughput.html"
_TRANSLATE = _AWS + "translate/latest/dg/what-is-limits.html"
_TABLE_QUOTA = _DYNAMODB + "ServiceQuotas.html"

CONCURRENCY = Quota(
    "Lambda: concurrent executions",
    1_000,
    _LAMBDA + "gettingstarted-limits.html",
    new_account=10,
    code="lambda L-B99A9384",
)
SCALING = Quota(
    "Lambda: new environments of connect_session in 10 s",
    1_000,
    _LAMBDA + "scaling-behavior.html",
    raisable=False,
)
CONNECTS = Quota("API Gateway: new WebSocket connections/s", 500, _WEBSOCKETS, code="apigateway L-9ED1E49A")
REQUESTS = Quota(
    "API Gateway: requests/s", 10_000, _API_GATEWAY + "limits.html", code="apigateway L-8A5B8E43"
)
CONNECTIONS = Quota("API Gateway: concurrent connections", None, _WEBSOCKETS)
SIGN_INS = Quota("Cognito: sign-ins/s", 120, _AWS + "cognito/latest/developerguide/quotas.html")
TABLE_WRITES = Quota("DynamoDB: writes/s of a table", 40_000, _TABLE_QUOTA)
TABLE_READS = Quota("DynamoDB: reads/s of a table", 40_000, _TABLE_QUOTA)
SESSION_WRITES = Quota("DynamoDB: writes/s of one session's rows", 1_000, _PARTITION, raisable=False)
SESSION_READS = Quota("DynamoDB: reads/s of one session's rows", 3_000, _PARTITION, raisable=False)
DUE_WRITES = Quota("DynamoDB: writes/s of the index byDueAt", 1_000, _PARTITION, raisable=False)
TRANSLATIONS = Quota("Amazon Translate: calls/s", None, _TRANSLATE, published=False)
TRANSLATIONS_OF_A_PAIR = Quota(
    "Amazon Translate: calls/s of one language pair", None, _TRANSLATE, published=False
)
TABLES = (
    "sessions",
    "connections",
    "audiences",
    "rate_limits",
    "idempotency_keys",
    "live_captions",
    "captions",
)
WARM_WRITES = {table: Quota(f"DynamoDB: warm writes/s of {table}", 4_000, _WARM) for table in TABLES}
WARM_READS = {table: Quota(f"DynamoDB: warm reads/s of {table}", 12_000, _WARM) for table in TABLES}

# Writes to the index byDueAt: a create puts an item, a speaker who connects and an end move it, which takes
# two writes each, and the drain removes it.
DUE_WRITES_OF_START, DUE_WRITES_OF_END = 3, 3


def needs(load: LaunchLoad) -> list[Need]:
    """Return what the busiest second of a launch needs of each quota; of no less for a larger load."""
    units = table_units(load)
    warm_writes = {table: _warm_writes(load, table, units[table]) for table in TABLES}
    return [
        Need(CONCURRENCY, _concurrency(load, units)),
        Need(SCALING, math.ceil(busiest_second(load.joins) * (JOIN_MS + COLD_MS) / 1000)),
        Need(CONNECTS, busiest_second(load.joins)),
        Need(REQUESTS, max(_requests_of_arrivals(load), _requests_of_ends(load))),
        Need(CONNECTIONS, load.connections),
        Need(SIGN_INS, busiest_second(load.creates)),
        Need(TABLE_WRITES, max(warm_writes.values())),
        Need(TABLE_READS, math.ceil(max(of_table.reads for of_table in units.values()))),
        *(Need(WARM_WRITES[table], warm_writes[table]) for table in TABLES),
        *(Need(WARM_READS[table], math.ceil(units[table].reads)) for table in TABLES if units[table].reads),
        Need(SESSION_WRITES, _writes_of_one_session(load)),
        Need(SESSION_READS, _reads_of_one_session(load)),
        Need(DUE_WRITES, _writes_of_due_index(load)),
        Need(TRANSLATIONS, busiest_second(load.captions) * load.languages),
        Need(TRANSLATIONS_OF_A_PAIR, busiest_second(load.captions) if load.languages else 0),
    ]


def throttles(load: LaunchLoad) -> dict[str, int]:
    """Return the requests per second that the variable `throttles` must allow, by route."""
    return {
        "POST /sessions": busiest_second(load.creates),
        "GET /sessions/{sessionId}": busiest_second(load.joins),
        "$connect": busiest_second(load.joins),
        "heartbeat": busiest_second(load.heartbeats),
        "publishCaption": busiest_second(load.captions),
        "GET /sessions/{sessionId}/captions": busiest_second(load.joins),
    }


def table_units(load: LaunchLoad) -> dict[str, Units]:
    """Return the units per second of each table, in the busiest second of arrivals or of ends.

    Speech goes on in both.
    """
    captions = (
        (busiest_second(load.captions), launch_load.PUBLISH),
        (busiest_second(load.captions), launch_load.send_units(load.listeners, load.languages)),
    )
    arrivals = _sum(
        *captions,
        (busiest_second(load.creates), launch_load.CREATE),
        (busiest_second(load.joins), launch_load.GET),
        (busiest_second(load.joins), launch_load.JOIN),
        (busiest_second(load.joins), launch_load.welcome_units(load.languages)),
        (busiest_second(load.joins), launch_load.list_units(load.languages)),
        (busiest_second(load.counts), launch_load.count_units(load.listeners)),
    )
    ends = _sum(
        *captions,
        (busiest_second(load.ends), launch_load.end_units(load.listeners)),
        (busiest_second(load.ends), launch_load.count_units(load.listeners)),
    )
    return {table: Units(*map(max, zip(arrivals[table], ends[table], strict=True))) for table in TABLES}


def _sum(*operations: tuple[int, Mapping[str, Units]]) -> dict[str, Units]:
    return {
        table: Units(
            writes=sum(times * units[table].writes for times, units in operations if table in units),
            reads=sum(times * units[table].reads for times, units in operations if table in units),
        )
        for table in TABLES
    }


def _concurrency(load: LaunchLoad, units: Mapping[str, Units]) -> int:
    """Return the concurrent executions, as if each request of the busiest second met a cold start."""
    joins, creates = busiest_second(load.joins), busiest_second(load.creates)
    captions, disconnects = busiest_second(load.captions), busiest_second(load.ends) * (load.listeners + 1)
    arrivals_ms = (
        joins * (JOIN_MS + 2 * COLD_MS)
        + joins * (GET_MS + COLD_MS)
        + joins * (LIST_CAPTIONS_MS + COLD_MS)
        + creates * (CREATE_MS + COLD_MS)
    )
    ends_ms = disconnects * (DISCONNECT_MS + COLD_MS) + busiest_second(load.ends) * (END_MS + COLD_MS)
    publish_ms = captions * (PUBLISH_MS + COLD_MS)
    streams = sum(
        shards(_warm_writes(load, table, units[table])) * sum(lanes.values())
        for table, lanes in LANES.items()
    )
    by_time = math.ceil((max(arrivals_ms, ends_ms) + publish_ms) / 1000) + streams
    invocations = max(4 * joins + creates, disconnects) + captions
    return max(by_time, math.ceil(invocations / INVOCATIONS_PER_CONCURRENCY))


def shards(writes: float) -> int:
    """Return the shards of the stream of a table that is warm for so many writes per second."""
    return max(NEW_TABLE_SHARDS, math.ceil(writes / SHARD_WRITES_PER_SECOND))


def _warm_writes(load: LaunchLoad, table: str, units: Units) -> int:
    """Return the writes per second that a table must be warm for.

    live_captions needs more partitions than its writes do, because the lanes of its shards send the captions.
    """
    writes = math.ceil(units.writes)
    if table != "live_captions":
        return writes
    sending_s = load.captions * (load.listeners + 1) * POST_MS / 1000
    partitions = math.ceil(sending_s / (LANES[table]["translate_captions"] * SENDING_SHARE))
    return max(writes, partitions * SHARD_WRITES_PER_SECOND)


def _requests_of_arrivals(load: LaunchLoad) -> int:
    # A GET, a handshake, the two first messages and a page of captions of each join, and a message to the
    # speaker for each count.
    return (
        busiest_second(load.creates)
        + 5 * busiest_second(load.joins)
        + busiest_second(load.counts)
        + busiest_second(load.heartbeats)
        + busiest_second(load.updates) * (load.listeners + 1)
        + _requests_of_captions(load)
    )


def _requests_of_ends(load: LaunchLoad) -> int:
    # A DELETE, and of each connection a post, a close and $disconnect.
    ends = busiest_second(load.ends) * (1 + 3 * (load.listeners + 1))
    return ends + busiest_second(load.heartbeats) + _requests_of_captions(load)


def _requests_of_captions(load: LaunchLoad) -> int:
    # publishCaption, and a post to each listener and to the speaker.
    return busiest_second(load.captions) * (load.listeners + 2)


def _writes_of_one_session(load: LaunchLoad) -> int:
    # The end deletes all rows, within a second or so.
    joins = busiest_second(load.joins_of_one_session)
    return max(joins * int(launch_load.JOIN["connections"].writes), load.listeners + 1)


def _reads_of_one_session(load: LaunchLoad) -> int:
    """Return the reads of the rows of one session in the table that has most."""
    joins = busiest_second(load.joins_of_one_session)
    units = _sum(
        (joins, launch_load.GET),
        (joins, launch_load.JOIN),
        (joins, launch_load.welcome_units(load.languages)),
        (joins, launch_load.list_units(load.languages)),
        (1, {"connections": launch_load.count_units(load.listeners)["connections"]}),
        (busiest_second(1 / load.caption_interval_s), launch_load.PUBLISH),
        (
            busiest_second(1 / load.caption_interval_s),
            launch_load.send_units(load.listeners, load.languages),
        ),
    )
    return math.ceil(max(reads for _, reads in units.values()))


def _writes_of_due_index(load: LaunchLoad) -> int:
    starts = busiest_second(load.creates) * DUE_WRITES_OF_START
    return max(starts, busiest_second(load.ends) * DUE_WRITES_OF_END)
