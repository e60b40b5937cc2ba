"""The deadline: when a call may still begin."""

import pytest

from shared.deadline import BUDGET_MS, Deadline
from shared.errors import ServiceUnavailable
from tests.support.clock import Clock


def test_calls_may_begin_until_the_budget_is_spent():
    clock = Clock()
    deadline = Deadline(clock)
    deadline.start()
    clock.now += BUDGET_MS - 1

    deadline.check()
    clock.now += 1

    with pytest.raises(ServiceUnavailable):
        deadline.check()


def test_each_start_begins_a_new_budget():
    clock = Clock()
    deadline = Deadline(clock, 100)
    deadline.start()
    clock.now += 100
    deadline.start()

    deadline.check()


def test_nothing_is_over_before_the_first_start():
    Deadline(Clock(), 0).check()


def test_the_parameters_of_a_botocore_event_are_accepted():
    deadline = Deadline(Clock())
    deadline.start()

    deadline.check(request=object(), event_name="before-send.dynamodb.GetItem")
