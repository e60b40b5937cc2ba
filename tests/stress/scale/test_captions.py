"""The model of captions: cases that can be computed by hand, and what must hold for every load."""

from dataclasses import replace

import pytest

from scripts import quotas
from scripts.quotas import PUBLISH_MS
from tests.stress.scale import caption_cases
from tests.stress.scale.captions import BURST_S, Outcome, Speech, Translation, simulate
from tests.stress.scale.model import CALL_S, INVOKE_S, POLL_S, Consumer, percentile
from tests.stress.scale.test_model import COSTS

ONE_LANE = Consumer(lanes=1, batch_size=10, window_s=0.0, memory_mb=1769, threads=16)
TEN_LANES = replace(ONE_LANE, lanes=10)
AT_ONCE = Translation(median_s=0.0)
ONE_CAPTION = Speech(1, 99, 1, interval_s=60.0)


def prepared_s(languages: int) -> float:
    """Return the least time from publishCaption to the posts of a caption to 100 connections."""
    cpu_s = COSTS.invocation + COSTS.record + (3 + languages) * COSTS.update + 2 * COSTS.of_query(100)
    return PUBLISH_MS / 1000 + INVOKE_S + cpu_s + 5 * CALL_S


def test_a_single_caption_takes_what_its_calls_take():
    (latency,) = simulate(ONE_LANE, COSTS, ONE_CAPTION, AT_ONCE).latencies

    least = prepared_s(ONE_CAPTION.languages) + 100 * COSTS.post
    assert least <= latency <= least + POLL_S


def test_posts_take_a_share_of_their_whole_time_if_that_is_more_than_their_cpu_time():
    costs = replace(COSTS, post=0.0)

    (latency,) = simulate(ONE_LANE, costs, ONE_CAPTION, AT_ONCE).latencies

    least = prepared_s(ONE_CAPTION.languages) + 100 * CALL_S / 16
    assert least <= latency <= least + POLL_S


def test_half_the_memory_takes_twice_the_cpu_time():
    half = replace(ONE_LANE, memory_mb=1769 // 2)
    costs = replace(COSTS, post=0.1)

    slow, fast = (simulate(each, costs, ONE_CAPTION, AT_ONCE).latencies[0] for each in (half, ONE_LANE))

    assert slow - fast == pytest.approx(100 * 0.1, rel=0.01)


def test_a_translation_that_fails_delays_a_caption_by_its_timeout():
    (at_once,) = simulate(ONE_LANE, COSTS, ONE_CAPTION, AT_ONCE).latencies
    (failed,) = simulate(ONE_LANE, COSTS, ONE_CAPTION, Translation(median_s=100.0)).latencies

    assert failed - at_once == pytest.approx(1.0)


def test_without_languages_nothing_is_translated():
    (latency,) = simulate(ONE_LANE, COSTS, replace(ONE_CAPTION, languages=0), Translation(100.0)).latencies

    least = prepared_s(languages=0) + 100 * COSTS.post
    assert least <= latency <= least + POLL_S


def test_99_percent_of_the_translations_take_less_than_350_ms():
    one_call = replace(ONE_CAPTION, sessions=2_000, listeners=0, shards=2_000, languages=1)

    calls, none = (
        simulate(ONE_LANE, COSTS, one_call, translation) for translation in (Translation(), AT_ONCE)
    )

    p99 = percentile(calls.latencies, 0.99) - percentile(none.latencies, 0.0) - POLL_S
    assert percentile(calls.latencies, 0.5) - percentile(none.latencies, 0.5) == pytest.approx(0.15, abs=0.02)
    assert p99 <= 0.35


@pytest.mark.parametrize(("sessions", "shards"), [(0, 1), (30, 1), (30, 4)])
def test_every_caption_is_sent_once_to_each_connection(sessions: int, shards: int):
    outcome = simulate(TEN_LANES, COSTS, Speech(sessions, 10, shards))

    captions = sessions * 20  # one every three seconds in a minute
    assert len(outcome.latencies) == captions
    assert sum(outcome.requests.values()) == captions * 12
    assert (outcome.undelivered, outcome.throttled) == (0, 0)


def test_a_lane_falls_behind_when_its_processor_has_more_to_do_than_time():
    slow = replace(COSTS, post=0.05)  # 20 captions a second with 11 posts each
    one, ten = (simulate(each, slow, Speech(60, 10, 1), AT_ONCE) for each in (ONE_LANE, TEN_LANES))

    assert one.lanes_share > 11 > 3 > ten.lanes_share
    assert one.limit == "lanes"
    # The last captions wait for all those before them, in one lane: 1,200 x 11 posts.
    assert max(one.latencies) == pytest.approx(1_200 * 11 * 0.05 - 60, rel=0.15)
    assert sum(one.busy_s.values()) == pytest.approx(sum(ten.busy_s.values()), rel=0.05)


def test_sessions_of_a_batch_share_the_processor():
    costs = replace(COSTS, post=0.01)  # a second of posts for each caption
    crowd = Speech(8, 99, 1, interval_s=60.0, duration_s=60.0)

    latencies = sorted(simulate(ONE_LANE, costs, replace(crowd, interval_s=0.5, duration_s=0.5)).latencies)

    # One caption is read alone, those that were published meanwhile are read together and end together.
    assert latencies[0] < 2
    assert latencies[-1] - latencies[-7] < 0.6
    assert latencies[-1] > 7


def test_more_shards_are_never_much_worse():
    p95 = [
        percentile(simulate(TEN_LANES, COSTS, Speech(400, 100, shards, duration_s=15)).latencies, 0.95)
        for shards in (1, 4, 16)
    ]

    assert p95 == sorted(p95, reverse=True)


def test_posts_beyond_the_quota_are_repeated_and_then_given_up():
    needed = Speech(100, 50, 20).requests
    outcomes = {
        share: simulate(TEN_LANES, COSTS, Speech(100, 50, 20, share * needed)) for share in (2.0, 0.99, 0.5)
    }

    assert (outcomes[2.0].undelivered, outcomes[2.0].throttled) == (0, 0)
    assert outcomes[0.99].undelivered == 0 < outcomes[0.99].throttled
    assert outcomes[0.5].undelivered > 0
    assert outcomes[0.5].limit == "requests/s"
    for share, outcome in outcomes.items():
        assert max(outcome.requests.values()) <= share * needed * (1 + BURST_S)
    # Nobody is forgotten: each connection has each caption, or was given up.
    sent = sum(outcomes[0.5].requests.values()) + outcomes[0.5].undelivered
    assert sent == 100 * 20 * 52


def test_the_same_seed_gives_the_same_outcome():
    first, second = (simulate(TEN_LANES, COSTS, Speech(20, 20, 2), seed=7) for _ in range(2))

    assert first == second


def test_the_target_is_that_of_the_quotas_that_make_quotas_prints():
    (case,) = [case for case in caption_cases.cases() if case.has_target]

    assert case.speech == Speech(1_000, 100, shards=17, requests_per_second=45_269)


@pytest.mark.parametrize(
    ("outcome", "in_time"),
    [
        (Outcome(latencies=[0.5] * 19 + [1.0]), True),
        (Outcome(latencies=[0.5] * 19 + [1.1]), False),
        (Outcome(latencies=[0.5] * 20, undelivered=1), False),
    ],
)
def test_captions_are_in_time_if_all_are_sent_and_95_percent_within_a_second(outcome: Outcome, in_time: bool):
    assert caption_cases.in_time(outcome) is in_time


def test_the_most_listeners_are_those_that_the_quota_of_requests_allows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quotas, "REQUESTS", replace(quotas.REQUESTS, default=1_000))

    most = caption_cases.most_listeners(TEN_LANES, COSTS, sessions=40)

    # 13.3 captions a second, each with a message of the speaker and a post to it: 73 listeners need 1,000.

    assert 70 <= most <= 76
