"""What a launch needs of each quota: cases computed by hand, and monotony."""

from itertools import pairwise

import pytest

from scripts import quotas
from scripts.launch_load import LaunchLoad
from scripts.quotas import Quota, Raise

LIMIT = Quota("limit", 1_000, "https://docs.aws.amazon.com/", new_account=10)
FIXED = Quota("fixed", 1_000, "https://docs.aws.amazon.com/", raisable=False)
NONE = Quota("none", None, "https://docs.aws.amazon.com/")
UNKNOWN = Quota("unknown", None, "https://docs.aws.amazon.com/", published=False)


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
        (UNKNOWN, 1, Raise.ASK),
    ],
)
def test_a_need_above_the_default_must_be_raised(quota: Quota, need: int, verdict: Raise):
    assert quota.verdict(need) is verdict


def test_the_needs_of_a_launch():
    # In the busiest second of 600 sessions of 99 listeners 1 + 4 creates, 100 + 40 joins, 2 + 6 ends of 100
    # connections each, 93 + 38.4 counts (131), 200 + 56.6 heartbeats (257), 0.67 + 3.3 updates (4), and
    # 200 + 56.6 captions (257), each in five languages.
    needs = amounts(LaunchLoad(600, 99))

    assert needs["API Gateway: new WebSocket connections/s"] == 140
    assert needs["API Gateway: requests/s"] == 8 * (1 + 3 * 100) + 257 + 257 * 101
    assert needs["API Gateway: concurrent connections"] == 60_000
    assert needs["Cognito: sign-ins/s"] == 5
    assert needs["Lambda: new environments of connect_session in 10 s"] == 66  # 140 x 0.47 s
    # 800 $disconnect of 0.412 s, 8 DELETE of 0.415 s and 257 publishCaption of 0.418 s. The streams of two
    # tables have 4 shards with 11 lanes each, the third has 10 shards with 10 lanes.
    assert needs["Lambda: concurrent executions"] == 441 + 2 * 4 * 11 + 10 * 10 + 4 * 1
    assert needs["DynamoDB: warm writes/s of connections"] == 8 * 200
    assert needs["DynamoDB: writes/s of a table"] == 10_000  # what live_captions must be warm for
    assert needs["DynamoDB: warm writes/s of sessions"] == 5 * 8 + 131 * 2
    assert needs["DynamoDB: warm writes/s of rate_limits"] == 5 + 140
    assert needs["DynamoDB: warm writes/s of audiences"] == 140
    assert needs["DynamoDB: warm writes/s of idempotency_keys"] == 10
    assert needs["DynamoDB: warm writes/s of captions"] == 257 * 3
    # 200 captions of 100 posts of 1.2 ms each second, in lanes that may be busy for a quarter of it: 9.6
    # shards of 10 lanes.
    assert needs["DynamoDB: warm writes/s of live_captions"] == 10_000
    assert needs["DynamoDB: warm reads/s of sessions"] == 140 * 5 + 257 * 2
    assert needs["DynamoDB: warm reads/s of connections"] == 131 * 4 + 257 * 2 * 4
    assert needs["DynamoDB: reads/s of a table"] == 131 * 4 + 257 * 2 * 4
    assert needs["DynamoDB: warm reads/s of captions"] == 140 * (4 + 2)
    assert needs["DynamoDB: writes/s of one session's rows"] == 100
    # A count reads 4 units of connections, and 0.33 + 2.3 captions (3) twice as many.
    assert needs["DynamoDB: reads/s of one session's rows"] == 4 + 3 * 2 * 4
    assert needs["DynamoDB: writes/s of the index byDueAt"] == 8 * 3
    assert needs["Amazon Translate: calls/s"] == 257 * 5
    assert needs["Amazon Translate: calls/s of one language pair"] == 257


def test_without_languages_nothing_is_translated():
    needs = amounts(LaunchLoad(600, 99, languages=0))

    assert needs["Amazon Translate: calls/s"] == needs["Amazon Translate: calls/s of one language pair"] == 0
    assert needs["DynamoDB: warm writes/s of captions"] == 257 * 2
    assert needs["DynamoDB: warm reads/s of connections"] == 131 * 4 + 257 * 4


def test_live_captions_needs_as_many_partitions_as_its_writes_or_the_lanes_that_send_them():
    many_small, few_large = LaunchLoad(30_000, 1), LaunchLoad(1_000, 500)

    # 10,000 + 400 captions are more than 10,000 x 2 posts of 1.2 ms need: 9.6 shards.
    assert amounts(many_small)["DynamoDB: warm writes/s of live_captions"] == 10_400
    # 333 x 501 posts of 1.2 ms: 80.2 shards.
    assert amounts(few_large)["DynamoDB: warm writes/s of live_captions"] == 81_000


def test_a_rush_on_one_session_exceeds_its_partition():
    # 500 + 4 x 22.4 handshakes per second, which write two rows each.
    needs = {need.quota.name: need for need in quotas.needs(LaunchLoad(1, 29_999, 1))}

    assert needs["DynamoDB: writes/s of one session's rows"].amount == 29_999 + 1
    assert needs["DynamoDB: writes/s of one session's rows"].verdict is Raise.IMPOSSIBLE
    # 30,000 rows are 1,172 units, which a count reads once, and each of 3 captions twice.
    assert needs["DynamoDB: reads/s of one session's rows"].amount == 7 * 1_172
    assert needs["DynamoDB: reads/s of one session's rows"].verdict is Raise.IMPOSSIBLE
    assert needs["API Gateway: new WebSocket connections/s"].amount == 590
    assert needs["API Gateway: new WebSocket connections/s"].verdict is Raise.YES


def test_lambda_needs_a_tenth_of_the_invocations_per_second_if_that_is_more(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in vars(quotas) if name.endswith("_MS")]:
        monkeypatch.setattr(quotas, name, 0)

    # 590 joins of 4 invocations, 14 creates and 79 captions in a second; the streams' lanes need less.
    load = LaunchLoad(3_000, 99, caption_interval_s=60)
    assert amounts(load)["Lambda: concurrent executions"] == 246


def test_more_writes_make_more_shards_with_lanes_of_their_own(monkeypatch: pytest.MonkeyPatch):
    load = LaunchLoad(10_000, 100)
    before = amounts(load)["Lambda: concurrent executions"]
    monkeypatch.setattr(quotas, "SHARD_WRITES_PER_SECOND", 10**9)

    # 11,514 writes per second of connections are 12 shards, not 4, and those of captions are 11.
    assert before - amounts(load)["Lambda: concurrent executions"] == (12 - 4) * 11 + (11 - 4) * 1


@pytest.mark.parametrize(
    "loads",
    [
        [LaunchLoad(sessions, 100) for sessions in (1, 2, 10, 999, 1_000, 100_000)],
        [LaunchLoad(100, listeners) for listeners in (1, 2, 24, 25, 499, 500, 10_000)],
        [LaunchLoad(100, 100, minutes) for minutes in (1440, 60, 11, 10, 2, 1)],
        [LaunchLoad(100, 100, caption_interval_s=seconds) for seconds in (3_600, 60, 3, 2.9, 1, 0.5)],
        [LaunchLoad(100, 100, languages=languages) for languages in (0, 1, 2, 5, 18)],
    ],
    ids=["sessions", "listeners", "minutes", "captions", "languages"],
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
        "publishCaption": 257,
        "GET /sessions/{sessionId}/captions": 140,
    }
