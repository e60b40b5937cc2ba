"""The list of exceptions."""

import pytest

from tests.conformance import exceptions


def test_every_test_that_fails_is_still_there(request: pytest.FixtureRequest):
    keys = set().union(*(exceptions.keys(item) for item in request.session.items))

    assert set(exceptions.FAILING) - keys == set()
