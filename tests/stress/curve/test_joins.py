"""The latency of joins: which of them are compared."""

import pytest

from tests.stress.curve import joins


def test_the_medians_of_the_early_and_the_late_joins_are_compared():
    latencies = [1.0] * 490
    latencies[20:120] = [10.0] * 49 + [20.0] * 51
    latencies[390:490] = [5.0] * 49 + [30.0] * 51

    measured = joins.curve(latencies)

    assert measured == (20.0, 30.0)
    assert measured.ratio == pytest.approx(1.5)
