"""The model of the door: cases that can be computed by hand, and what must hold for every crowd."""

import math

import pytest

from tests.stress.scale import door_cases
from tests.stress.scale.door import (
    CALL_S,
    COLD_S,
    MAX_CONTAINERS,
    PARTITION_READS,
    SLOW_CALL_S,
    Chaos,
    Crowd,
    Outcome,
    simulate,
)
from tests.stress.scale.door_cases import SMALL, WILD, Case, misses


def test_a_single_join_makes_five_calls_and_is_counted():
    outcome = simulate(Crowd(phones=1, places=1, arrival_s=0.0))

    assert (outcome.handshakes, outcome.joined, outcome.most_admitted, outcome.empty) == (1, 1, 1, 0)
    # Its end is that of the fifth call: the session, the row, the place, the session again, the admission.
    assert COLD_S + 4.5 * CALL_S[0] <= outcome.full_at <= COLD_S + 5 * SLOW_CALL_S
    # The row is written and admitted.
    assert (outcome.writes.total(), outcome.peak(outcome.writes, "connections")) == (3, 2)
    # The session twice; the count reads the place and the rows.
    assert outcome.reads.total() == 4


@pytest.mark.parametrize("counted", [True, False])
def test_every_handshake_ends_once_and_the_places_are_filled_exactly(counted: bool):
    outcome = simulate(Crowd(phones=60, places=10, arrival_s=5.0, tries=2), counted=counted)

    assert outcome.handshakes == outcome.joined + outcome.full == 60 + 50
    assert (outcome.joined, outcome.most_admitted, outcome.empty) == (10, 10, 0)
    assert (outcome.killed, outcome.faults, outcome.throttled) == (0, 0, 0)


def test_several_sessions_have_places_of_their_own():
    outcome = simulate(Crowd(phones=30, places=10, sessions=3, arrival_s=5.0, tries=1))

    assert (outcome.joined, outcome.full, outcome.most_admitted, outcome.empty) == (30, 60, 10, 0)
    assert outcome.almost_full_at == outcome.full_at < 6


def test_the_same_seed_gives_the_same_outcome():
    first, second, other = (simulate(SMALL, WILD, seed=seed) for seed in (7, 7, 8))

    assert first == second != other


def test_a_container_that_has_found_the_session_full_refuses_without_a_write():
    outcome = simulate(Crowd(phones=400, places=1, arrival_s=2.0, tries=1))

    # All that arrive during the first cold start have a container of their own; later ones take those over.
    assert outcome.writes.total() < 400
    assert outcome.full == 399


def test_places_of_killed_joins_come_back():
    crowd = Crowd(phones=80, places=5, arrival_s=60.0, tries=4)

    outcomes = [simulate(crowd, Chaos(crashes=0.1), seed=seed) for seed in range(10)]

    assert sum(outcome.killed for outcome in outcomes) > 100
    assert [outcome.empty for outcome in outcomes] == [0] * 10
    assert {outcome.most_admitted for outcome in outcomes} == {5}


def test_places_of_listeners_who_leave_are_taken_again():
    outcome = simulate(Crowd(phones=80, places=5, arrival_s=60.0, tries=4), Chaos(leaves=1.0))

    assert outcome.joined > 10
    assert (outcome.most_admitted, outcome.empty) == (5, 0)


def test_no_small_crowd_exceeds_the_cap_and_the_model_notices_one_that_does():
    assert door_cases.crowds_above_the_cap(20, counted=True) == 0
    # A PutItem without a condition that arrives late takes an admission back.
    assert door_cases.crowds_above_the_cap(5, counted=False) > 0


def test_the_waiting_line_asks_a_partition_for_more_than_it_serves():
    crowd = Crowd(phones=400, places=100, arrival_s=1.0, tries=1)

    before, now = (simulate(crowd, counted=counted) for counted in (False, True))

    assert before.peak(before.reads, "connections") > PARTITION_READS / 2
    assert now.peak(now.reads, "connections") < PARTITION_READS / 100
    assert (now.joined, now.faults) == (100, 0)


def test_more_handshakes_than_the_concurrency_of_the_account_are_faults():
    phones = MAX_CONTAINERS + 50

    outcome = simulate(Crowd(phones=phones, places=phones, arrival_s=0.1, tries=1))

    assert outcome.faults >= 50
    assert outcome.joined + outcome.faults == phones


def test_a_missed_target_is_reported():
    case = Case("", Crowd(phones=100, places=10))
    met = Outcome(most_admitted=10, almost_full_at=6.0, full_at=6.0)
    missed = Outcome(most_admitted=11, faults=1, empty=1)
    missed.writes["connections/blessed-shepherd-100", 0] = 1_001

    assert misses(case, met) == []
    assert misses(case, missed) == [
        "above the cap",
        "places left empty",
        "more writes than a partition serves",
        "not almost full in time",
        "faults",
        "not full in time",
    ]
    assert math.isinf(missed.full_at)


def test_with_chaos_faults_are_allowed_but_no_listener_above_the_cap():
    case = Case("", Crowd(phones=100, places=10), Chaos(crashes=0.1))

    assert misses(case, Outcome(most_admitted=10, almost_full_at=6.0, faults=1)) == []
    assert misses(case, Outcome(most_admitted=11, almost_full_at=6.0)) == ["above the cap"]
