"""Garbage collection while a function starts."""

import gc
import subprocess
import sys

import pytest

from scripts.project import ROOT
from shared import startup


def test_the_end_of_init_freezes_its_objects_and_resumes_garbage_collection(monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []
    monkeypatch.setattr(gc, "isenabled", lambda: False)
    monkeypatch.setattr(gc, "freeze", lambda: calls.append("freeze"))
    monkeypatch.setattr(gc, "enable", lambda: calls.append("enable"))

    startup.finish_init()

    assert calls == ["freeze", "enable"]


def test_the_end_of_init_does_nothing_where_garbage_collection_was_not_paused(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(gc, "isenabled", lambda: True)
    monkeypatch.setattr(gc, "freeze", lambda: pytest.fail("nothing is frozen"))

    startup.finish_init()


@pytest.mark.parametrize(("runtime_client", "enabled"), [("awslambdaric", "False"), ("json", "True")])
def test_importing_startup_pauses_garbage_collection_in_lambda_only(runtime_client: str, enabled: str):
    program = f"import gc, {runtime_client}, shared.startup; print(gc.isenabled())"

    process = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )

    assert process.stdout == f"{enabled}\n"
