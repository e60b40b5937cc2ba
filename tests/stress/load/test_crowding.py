"""The formula behind the curve agrees with chance, and says what operators are told."""

import random

import pytest

from tests.stress.load.crowding import even, filled, live_at, pools, sample, simulate


def test_the_pools_are_those_of_the_service():
    assert pools(3) == (202_500, 202_500, 202_500_000, 202_500_000, 202_500_000_000)


@pytest.mark.parametrize("live", [1_000, 100_000, 200_000])
def test_the_formula_agrees_with_simulation(live: int):
    (_, calls, failed), (_, more, _) = simulate(3, (live, live + 1_000), random.Random(1))

    assert failed == 0
    assert more / 1_000 == pytest.approx(filled(3, live + 500).calls, abs=0.08)
    assert calls >= live


def test_a_crowd_that_comes_and_goes_holds_all_that_live():
    crowd = even(3, 300_000)

    assert sum(crowd.held.values()) == pytest.approx(300_000, rel=1e-3)
    assert crowd.calls == pytest.approx(sample(crowd, 20_000, random.Random(1))[0], rel=0.01)


@pytest.mark.parametrize("digits", [3, 6, 9])
def test_five_tries_do_beyond_the_moment_at_which_digits_are_to_be_raised(digits: int):
    moment = live_at(digits, clashes=0.25)

    assert filled(digits, moment * 100).failing < 1e-10
