"""Aliases on this machine: an invocation goes to a version that `live` points at now, by chance and weight.

So `make apply`, `rollout` and `rollback` with ENV=local change what the running system does.
https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

import asyncio
import base64
import dataclasses
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scripts import local_system
from scripts.local.lambda_.runtime import Lambda, Result, WrongRuntime, unpack

if TYPE_CHECKING:
    from scripts.local.config.functions import Function

ALIAS = "live"

LOOK_EVERY_SECONDS = 1.0
"""For so long an answer about an alias is good; Lambda too takes a moment to see that it has moved."""


class Versions(Protocol):
    """Where versions are kept: Published, or what a test puts in its place."""

    def weights(self, function: str) -> Mapping[str, float]:
        """Return the share of invocations of each version, by its number; they add up to 1."""
        ...

    def fetch(self, function: str, number: str) -> "tuple[Function, Path]":
        """Return a version, and the folder that its zip was unpacked into."""
        ...


class Published:
    """The versions that the local AWS holds of the declared functions."""

    def __init__(self, aws_url: str, functions: "Mapping[str, Function]", into: Path) -> None:
        self._lambda = local_system.aws_client("lambda", aws_url)
        self._functions = functions
        self._into = into

    def weights(self, function: str) -> Mapping[str, float]:
        """Return the share of invocations of each version, by its number."""
        alias = self._lambda.get_alias(FunctionName=function, Name=ALIAS)
        others = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})
        return {alias["FunctionVersion"]: 1 - sum(others.values()), **others}

    def fetch(self, function: str, number: str) -> "tuple[Function, Path]":
        """Return a version, and the folder that its zip was unpacked into."""
        found = self._lambda.get_function(FunctionName=function, Qualifier=number)
        configuration = found["Configuration"]
        version = dataclasses.replace(
            self._functions[function],
            handler=configuration["Handler"],
            runtime=configuration["Runtime"],
            memory_mb=configuration["MemorySize"],
            timeout=configuration["Timeout"],
            environment=configuration["Environment"]["Variables"],
        )
        code = found["Code"]["Location"].removeprefix("data:application/zip;base64,")
        return version, unpack(base64.b64decode(code), self._into)


class Aliases:
    """Invokes by way of the alias; `chance` gives numbers from 0 to 1, `clock` seconds that only go up."""

    def __init__(
        self,
        lambda_: Lambda,
        versions: Versions,
        *,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lambda = lambda_
        self._versions = versions
        self._chance = chance
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._known: dict[str, tuple[float, Mapping[str, float]]] = {}

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        """Run one of the versions to its end. Raises Throttled or TooLarge."""
        async with self._locks[function]:
            number = _pick(await self._weights(function), self._chance())
            qualified = f"{function}:{number}"
            if qualified not in self._lambda:
                try:
                    self._lambda.add(
                        qualified, *await asyncio.to_thread(self._versions.fetch, function, number)
                    )
                except WrongRuntime as problem:
                    return Result(
                        json.dumps({"errorMessage": str(problem)}).encode(), "Runtime.InvalidRuntime"
                    )
        result = await self._lambda.invoke(qualified, payload, trace_id=trace_id)
        return dataclasses.replace(result, version=number)

    async def _weights(self, function: str) -> Mapping[str, float]:
        asked, weights = self._known.get(function, (None, {}))
        if asked is None or self._clock() - asked >= LOOK_EVERY_SECONDS:
            weights = await asyncio.to_thread(self._versions.weights, function)
            self._known[function] = (self._clock(), weights)
        return weights


def _pick(weights: Mapping[str, float], chance: float) -> str:
    for number, weight in weights.items():
        chance -= weight
        if chance < 0:
            return number
    return next(iter(weights))
