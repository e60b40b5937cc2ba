"""The formula of collisions agrees with simulation."""

import random

import pytest

from tests.stress.curve.collisions import accumulated, live_at, pools, sample, simulate, steady


def test_the_pools_are_those_of_the_service():
    assert pools(3) == (202_500, 202_500, 202_500_000, 202_500_000, 202_500_000_000)


@pytest.mark.parametrize("live", [1_000, 100_000, 200_000])
def test_the_formula_agrees_with_simulation(live: int):
    (_, calls, failed), (_, more, _) = simulate(3, (live, live + 1_000), random.Random(1))

    assert failed == 0
    assert more / 1_000 == pytest.approx(accumulated(3, live + 500).calls, abs=0.08)
    assert calls >= live


def test_the_steady_state_holds_every_live_id():
    occupancy = steady(3, 300_000)

    assert sum(occupancy.held.values()) == pytest.approx(300_000, rel=1e-3)
    assert occupancy.calls == pytest.approx(sample(occupancy, 20_000, random.Random(1))[0], rel=0.01)


@pytest.mark.parametrize("digits", [3, 6, 9])
def test_five_tries_suffice_far_beyond_the_point_at_which_digits_should_be_raised(digits: int):
    live = live_at(digits, collisions=0.25)

    assert accumulated(digits, live * 100).all_tries_collide < 1e-10
