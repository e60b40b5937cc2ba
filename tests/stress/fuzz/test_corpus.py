"""Every input in the corpus still satisfies its harness. `make stress PARTS=fuzz` continues from there."""

import importlib

import pytest

from tests.stress.fuzz.guided import CORPUS, HARNESSES


@pytest.mark.parametrize("harness", HARNESSES)
def test_the_corpus_satisfies_the_harness(harness: str):
    check = importlib.import_module(f"tests.stress.fuzz.harnesses.{harness}").check
    inputs = sorted((CORPUS / harness).iterdir())

    for file in inputs:
        check(file.read_bytes())

    assert len(inputs) > 10
