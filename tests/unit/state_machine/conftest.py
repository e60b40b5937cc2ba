"""Tests of this folder open no socket."""

import pytest


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail a test that opens a socket."""
