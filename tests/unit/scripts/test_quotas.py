"""What a launch needs of each quota: cases computed by hand, and monotony."""

from itertools import pairwise

import pytest

from scripts import quotas
from scripts.launch_load import LaunchLoad
from scripts.quotas import Quota, Raise

LIMIT = Quota("limit", 1_000, "https://docs.aws.amazon.com/", new_account=10)
FIXED = Quota("fixed", 1_000, "https://docs.aws.amazon.com/", raisable=False)
NONE = Quota("none", None, "https://docs.aws.amazon.com/")


def amounts(load: LaunchLoad) -> dict[str, int]:
    return {need.quota.name: need.amount for need in quotas.needs(load)}


@pytest.mark.parametrize(
    ("quota", "need", "verdict"),
    [
        (LIMIT, 10, Raise.NO),
        (LIMIT, 11, Raise.IN_A_NEW_ACCOUNT),
        (LIMIT, 1_000, Raise.IN_A_NEW_ACCOUNT),
        (LIMIT, 1_001, Raise.YES),
        (FIXED, 1_000, Raise.NO),
        (FIXED, 1_001, Raise.IMPOSSIBLE),
        (NONE, 10**9, Raise.NO),
    ],
)
def test_a_need_above_the_default_must_be_raised(quota: Quota, need: int, verdict: Raise):
    assert quota.verdict(need) is verdict


def test_the_needs_of_a_launch():
    # In the busiest second of 600 sessions of 99 listeners 1 + 4 creates, 100 + 40 joins, 2 + 6 ends of 100
    # connections each, 93 + 38.4 counts (131), 200 + 56.6 heartbeats (257), 0.67 + 3.3 updates (4).
    needs = amounts(LaunchLoad(600, 99))

    assert needs["API Gateway: new WebSocket connections/s"] == 140
    assert needs["API Gateway: requests/s"] == 8 * (1 + 3 * 100) + 257
    assert needs["API Gateway: concurrent connections"] == 60_000
    assert needs["Cognito: sign-ins/s"] == 5
    assert needs["Lambda: new environments of connect_session in 10 s"] == 66  # 140 x 0.47 s
    # 800 $disconnect of 0.412 s and 8 DELETE of 0.415 s, and 4 shards with 10 + 1 and with 1 lanes.
    assert needs["Lambda: concurrent executions"] == 333 + 4 * 12
    assert needs["DynamoDB: warm writes/s of connections"] == 8 * 200
    assert needs["DynamoDB: writes/s of a table"] == 8 * 200
    assert needs["DynamoDB: warm writes/s of sessions"] == 5 * 8 + 131 * 2
    assert needs["DynamoDB: warm writes/s of rate_limits"] == 5 + 140
    assert needs["DynamoDB: warm writes/s of audiences"] == 140
    assert needs["DynamoDB: warm writes/s of idempotency_keys"] == 10
    assert needs["DynamoDB: warm reads/s of sessions"] == 140 * 3
    assert needs["DynamoDB: warm reads/s of connections"] == 131 * 4
    assert needs["DynamoDB: reads/s of a table"] == 131 * 4
    assert needs["DynamoDB: writes/s of one session's rows"] == 100
    assert needs["DynamoDB: reads/s of one session's rows"] == 6  # 0.17 + 1.6 joins (2) of 3 reads
    assert needs["DynamoDB: writes/s of the index byDueAt"] == 8 * 3


def test_a_rush_on_one_session_exceeds_its_partition():
    # 500 + 4 x 22.4 handshakes per second, which write two rows each.
    needs = {need.quota.name: need for need in quotas.needs(LaunchLoad(1, 29_999, 1))}

    assert needs["DynamoDB: writes/s of one session's rows"].amount == 29_999 + 1
    assert needs["DynamoDB: writes/s of one session's rows"].verdict is Raise.IMPOSSIBLE
    assert needs["DynamoDB: reads/s of one session's rows"].amount == 590 * 3
    assert needs["API Gateway: new WebSocket connections/s"].amount == 590
    assert needs["API Gateway: new WebSocket connections/s"].verdict is Raise.YES


def test_lambda_needs_a_tenth_of_the_invocations_per_second_if_that_is_more(monkeypatch: pytest.MonkeyPatch):
    for duration in ("COLD_MS", "JOIN_MS", "GET_MS", "CREATE_MS", "END_MS", "DISCONNECT_MS"):
        monkeypatch.setattr(quotas, duration, 0)

    # 8 x 100 $disconnect in a second; the streams' 48 lanes need less.
    assert amounts(LaunchLoad(600, 99))["Lambda: concurrent executions"] == 80


def test_more_writes_make_more_shards_with_lanes_of_their_own(monkeypatch: pytest.MonkeyPatch):
    load = LaunchLoad(10_000, 100)
    before = amounts(load)["Lambda: concurrent executions"]
    monkeypatch.setattr(quotas, "SHARD_WRITES_PER_SECOND", 10**9)

    # 11,514 writes per second of connections are 12 shards, not 4.
    assert before - amounts(load)["Lambda: concurrent executions"] == 12 - 4


@pytest.mark.parametrize(
    "loads",
    [
        [LaunchLoad(sessions, 100) for sessions in (1, 2, 10, 999, 1_000, 100_000)],
        [LaunchLoad(100, listeners) for listeners in (1, 2, 24, 25, 499, 500, 10_000)],
        [LaunchLoad(100, 100, minutes) for minutes in (1440, 60, 11, 10, 2, 1)],
    ],
    ids=["sessions", "listeners", "minutes"],
)
def test_a_larger_or_faster_launch_never_needs_less(loads: list[LaunchLoad]):
    for smaller, larger in pairwise(map(amounts, loads)):
        assert all(larger[name] >= need for name, need in smaller.items())
    assert amounts(loads[-1]) != amounts(loads[0])


def test_the_throttles_are_the_busiest_seconds_of_each_route():
    assert quotas.throttles(LaunchLoad(600, 99)) == {
        "POST /sessions": 5,
        "GET /sessions/{sessionId}": 140,
        "$connect": 140,
        "heartbeat": 257,
    }
