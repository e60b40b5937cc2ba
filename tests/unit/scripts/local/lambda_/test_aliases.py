"""Invocations by alias: by its weights, and by its current versions."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from scripts.local.lambda_.aliases import CACHE_SECONDS, Aliases
from scripts.local.lambda_.invocation import Result
from scripts.local.lambda_.launch import WrongRuntime


class Versions:
    """The weights of every alias, and how often they were read."""

    def __init__(self, **weights: float) -> None:
        self.shares = {name.removeprefix("v"): share for name, share in weights.items()}
        self.reads = 0
        self.fetched: list[str] = []

    def weights(self, function: str) -> dict[str, float]:
        self.reads += 1
        return self.shares

    def fetch(self, function: str, number: str) -> tuple[str, Path]:
        self.fetched.append(number)
        return f"{function}:{number}", Path()


class Lambda(dict):
    """A stand-in for Lambda that returns the name of the invoked function."""

    def add(self, name: str, function: str, task_root: Path) -> None:
        if function.endswith(":99"):
            raise WrongRuntime("built for another Python")
        self[name] = function

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        return Result(self[function].encode())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def invoked(aliases: Aliases, times: int = 1) -> Counter[str]:
    async def all_of_them() -> list[Result]:
        return [await aliases.invoke("health", b"{}") for _ in range(times)]

    return Counter(result.payload.decode() for result in asyncio.run(all_of_them()))


def test_an_alias_invokes_its_version():
    assert invoked(Aliases(Lambda(), Versions(v3=1.0))) == {"health:3": 1}


def test_invocations_are_shared_by_weight():
    chances = iter([n / 100 for n in range(100)])
    aliases = Aliases(Lambda(), Versions(v1=0.9, v2=0.1), chance=lambda: next(chances))

    assert invoked(aliases, 100) == {"health:1": 90, "health:2": 10}


def test_a_version_is_fetched_once():
    versions = Versions(v1=1.0)

    invoked(Aliases(Lambda(), versions), 5)

    assert versions.fetched == ["1"]


def test_a_changed_alias_takes_effect_after_a_moment():
    versions, clock = Versions(v1=1.0), Clock()
    aliases = Aliases(Lambda(), versions, clock=clock)
    invoked(aliases)
    versions.shares = {"2": 1.0}

    at_once = invoked(aliases)
    clock.now += CACHE_SECONDS
    later = invoked(aliases)

    assert (at_once, later) == ({"health:1": 1}, {"health:2": 1})
    assert versions.reads == 2


def test_a_version_for_another_python_fails_its_invocation():
    result = asyncio.run(Aliases(Lambda(), Versions(v99=1.0)).invoke("health", b"{}"))

    assert result.error == "Runtime.InvalidRuntime"


@pytest.mark.parametrize("chance", [0.0, 0.999_999_999])
def test_weights_that_add_up_to_a_little_less_than_1_always_choose_a_version(chance: float):
    aliases = Aliases(Lambda(), Versions(v1=0.7, v2=0.299_999), chance=lambda: chance)

    assert sum(invoked(aliases).values()) == 1
