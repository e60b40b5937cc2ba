"""The model itself: cases that can be computed by hand, and what must hold for every load."""

from dataclasses import replace

import pytest

from tests.stress.scale.model import (
    CALL_S,
    INVOKE_S,
    JOIN_S,
    POLL_S,
    Consumer,
    Costs,
    Load,
    Settings,
    percentile,
    simulate,
)

COSTS = Costs(
    post=0.001,
    close=0.001,
    query=0.001,
    row=0.00002,
    update=0.001,
    delete=0.001,
    batch_delete=0.002,
    invocation=0.001,
    record=0.0001,
)
CONSUMER = Consumer(lanes=1, batch_size=10, window_s=0.0, memory_mb=1769, threads=16)
SETTINGS = Settings(sessions=CONSUMER, connections=replace(CONSUMER, batch_size=1000, window_s=1.0))


def test_without_sessions_nothing_happens():
    outcome = simulate(SETTINGS, COSTS, Load(0, 50, 4))

    assert (outcome.count_lags, outcome.end_lags, outcome.joins) == ([], [], 0)
    assert percentile([], 0.95) == 0


@pytest.mark.parametrize("shards", [1, 4])
def test_every_join_is_counted_once_and_every_connection_is_removed(shards: int):
    outcome = simulate(SETTINGS, COSTS, Load(20, 30, shards))

    assert outcome.joins == len(outcome.count_lags) == 20 * 30
    assert len(outcome.end_lags) == 20
    assert outcome.removed == 20 * 31
    assert outcome.records["connections"] == 20 * 30 + 20 * 31


def test_calls_take_their_cpu_time_or_a_share_of_their_whole_time():
    assert CONSUMER.seconds(1.0, 0) == 1.0
    assert CONSUMER.seconds(0.1, 160) == pytest.approx((0.1 + 160 * CALL_S) / 16)


def test_less_memory_takes_longer_in_proportion():
    half = replace(CONSUMER, memory_mb=1769 // 2)

    assert half.seconds(1.0, 0) == pytest.approx(2.0, rel=0.01)
    assert replace(CONSUMER, memory_mb=2 * 1769).seconds(1.0, 0) == 1.0  # Python runs one thread at a time


def test_the_end_of_a_single_session_takes_what_its_calls_take():
    outcome = simulate(SETTINGS, COSTS, Load(1, 500, 1))

    rows = 501
    calls_s = rows * (COSTS.post + COSTS.close)  # the rows are removed afterwards
    query_s = COSTS.query + COSTS.row * rows
    least = INVOKE_S + calls_s + query_s
    (lag,) = outcome.end_lags
    assert least <= lag <= least + POLL_S + 0.2


def test_the_count_of_a_single_listener_takes_the_window_and_what_its_calls_take():
    outcome = simulate(SETTINGS, COSTS, Load(1, 1, 1))

    least = 1 + INVOKE_S + COSTS.of_query(2) + COSTS.update + COSTS.post
    (lag,) = outcome.count_lags
    assert least <= lag <= least + POLL_S + COSTS.invocation + COSTS.record


@pytest.mark.parametrize(("memory_mb", "share"), [(1769, 1.0), (512, 512 / 1769)])
def test_one_lane_saturates_at_the_rate_of_its_processor(memory_mb: int, share: float):
    settings = replace(SETTINGS, connections=replace(CONSUMER, memory_mb=memory_mb))
    outcome = simulate(settings, replace(COSTS, query=1.0), Load(1200, 1, 1))

    # 1,200 counts of a second of CPU time each are asked for within ten minutes.
    assert max(outcome.count_lags) == pytest.approx(1200 / share - JOIN_S, rel=0.05)


def test_more_lanes_of_connections_are_never_worse():
    slow = replace(COSTS, query=0.05)
    lags = [
        percentile(
            simulate(
                replace(SETTINGS, connections=replace(CONSUMER, lanes=lanes)), slow, Load(400, 20, 1)
            ).count_lags,
            0.95,
        )
        for lanes in (1, 2, 4, 8)
    ]

    assert lags == sorted(lags, reverse=True)


def test_a_lane_that_is_slower_than_its_load_falls_behind_and_more_lanes_do_not():
    slow = replace(COSTS, post=0.05)
    one, ten = (
        simulate(replace(SETTINGS, sessions=replace(CONSUMER, lanes=lanes)), slow, Load(100, 100, 1))
        for lanes in (1, 10)
    )

    # The drains alone take 100 x 101 x 51 ms, and the sessions end within five minutes.
    assert max(one.end_lags) > 100
    assert percentile(ten.end_lags, 0.95) < percentile(one.end_lags, 0.95) / 3
    assert one.utilization("sessions") > 1 > 0.5 > ten.utilization("sessions") / 2


def test_the_same_seed_gives_the_same_outcome():
    first, second = (simulate(SETTINGS, COSTS, Load(10, 20, 2), seed=7) for _ in range(2))

    assert first.count_lags == second.count_lags
    assert first.end_lags == second.end_lags


def test_a_part_of_the_shards_stands_for_all():
    load = Load(200, 20, 16)

    part = simulate(SETTINGS, COSTS, load, most_joins=500)

    assert 0 < part.share < 1
    assert 500 <= part.joins < 200 * 20
