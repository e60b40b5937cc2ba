"""The targets of the run: what is judged as missed."""

import pytest

from tests.stress.captions.__main__ import Measured, misses


def measured(listeners: int, seconds: float, translations: int = 4) -> Measured:
    return Measured(listeners, [[seconds] * listeners] * 3, [translations] * 3)


def test_half_of_the_messages_and_most_of_them_arrive_within_the_percentiles():
    run = Measured(10, [[0.1] * 9 + [2.0], [0.3] * 9 + [4.0]], [4, 4])

    assert (run.percentile(0.4), run.percentile(0.5), run.percentile(0.95)) == (0.1, 0.3, 4.0)
    assert (run.last_s, run.best_s) == (3.0, 2.0)


def test_a_run_within_the_targets_misses_none():
    assert misses([measured(100, 0.2), measured(250, 0.5), measured(500, 1.0)]) == []


@pytest.mark.parametrize(
    ("runs", "miss"),
    [
        ([measured(250, 0.6), measured(500, 1.1)], "p50 1.10 s with 500 listeners"),
        ([measured(100, 0.1), measured(250, 0.3)], "more than linear from 100 to 250 listeners"),
        ([measured(100, 0.1, translations=5)], "[5] calls of Translate for a caption"),
        ([measured(100, 0.1, translations=0)], "[0] calls of Translate for a caption"),
    ],
)
def test_each_target_is_judged(runs: list[Measured], miss: str):
    assert misses(runs) == [miss]
