"""The clock."""

from shared.clock import now_ms


def test_now_is_in_epoch_milliseconds():
    assert 1_700_000_000_000 < now_ms() < 4_000_000_000_000
