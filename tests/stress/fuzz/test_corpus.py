"""What fuzzing has found worth keeping still keeps every promise: `make fuzz` goes on from there."""

import importlib
from pathlib import Path

import pytest

from tests.stress.fuzz.guided import HARNESSES, HERE


@pytest.mark.parametrize("harness", HARNESSES)
def test_every_kept_input_keeps_the_promises(harness: str):
    check = importlib.import_module(f"tests.stress.fuzz.harnesses.{harness}").check
    kept = sorted(Path(HERE / "corpus" / harness).iterdir())

    for file in kept:
        check(file.read_bytes())

    assert len(kept) > 10
