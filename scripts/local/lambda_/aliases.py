"""Aliases on this machine: an invocation goes to one of the versions of an alias, chosen by their weights.

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

from scripts import local_system
from scripts.local.config.functions import Function
from scripts.local.lambda_.code import unpack
from scripts.local.lambda_.invocation import Result, UnknownFunction
from scripts.local.lambda_.launch import WrongRuntime
from scripts.local.lambda_.runtime import Lambda

ALIAS = "live"
"""The alias by which API Gateway, event sources and schedules invoke every function."""

NEWEST = "$LATEST"
"""The qualifier of the newest code: here of the newest version, since Terraform publishes each change."""

CACHE_SECONDS = 1.0
"""How long the weights of an alias are kept. Lambda too needs a moment until a change takes effect."""


class Versions:
    """The versions that the local AWS has of the declared functions; their zips are unpacked below `zips`."""

    def __init__(self, aws_url: str, functions: Mapping[str, Function], zips: Path) -> None:
        self._lambda = local_system.aws_client("lambda", aws_url)
        self._functions = functions
        self._zips = zips

    def weights(self, function: str, qualifier: str) -> Mapping[str, float]:
        """Return the share of invocations of each version, by its number. Raises UnknownFunction.

        The qualifier is an alias, the number of a version, or NEWEST.
        """
        if qualifier.isdecimal():
            return {qualifier: 1.0}
        if qualifier == NEWEST:
            return {self._newest(function): 1.0}
        try:
            alias = self._lambda.get_alias(FunctionName=function, Name=qualifier)
        except self._lambda.exceptions.ResourceNotFoundException:
            raise UnknownFunction(f"{function}:{qualifier}") from None
        others = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})
        return {alias["FunctionVersion"]: 1 - sum(others.values()), **others}

    def _newest(self, function: str) -> str:
        versions = self._lambda.list_versions_by_function(FunctionName=function)["Versions"]
        numbers = [int(version["Version"]) for version in versions if version["Version"] != NEWEST]
        if not numbers:
            raise UnknownFunction(f"{function}:{NEWEST}")
        return str(max(numbers))

    def fetch(self, function: str, number: str) -> tuple[Function, Path]:
        """Return a version, and the folder of its unpacked zip. Raises UnknownFunction."""
        try:
            response = self._lambda.get_function(FunctionName=function, Qualifier=number)
        except self._lambda.exceptions.ResourceNotFoundException:
            raise UnknownFunction(f"{function}:{number}") from None
        configuration = response["Configuration"]
        version = dataclasses.replace(
            self._functions[function],
            handler=configuration["Handler"],
            runtime=configuration["Runtime"],
            architecture=configuration["Architectures"][0],
            memory_mb=configuration["MemorySize"],
            timeout=configuration["Timeout"],
            environment=configuration["Environment"]["Variables"],
        )
        code = response["Code"]["Location"].removeprefix("data:application/zip;base64,")
        return version, unpack(base64.b64decode(code), self._zips)


class Aliases:
    """Invokes functions by their alias. `chance` returns numbers from 0 to 1, `clock` monotonic seconds."""

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
        self.chance = chance
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._cache: dict[tuple[str, str], tuple[float, Mapping[str, float]]] = {}

    async def invoke(
        self, function: str, payload: bytes, *, qualifier: str = ALIAS, trace_id: str = ""
    ) -> Result:
        """Invoke one of the versions and wait for its result.

        For the qualifier see Versions.weights. Raises Throttled, TooLarge or UnknownFunction.
        """
        async with self._locks[function]:
            number = _choose(await self._weights(function, qualifier), self.chance())
            qualified = f"{function}:{number}"
            if qualified not in self._lambda:
                version, task_root = await asyncio.to_thread(self._versions.fetch, function, number)
                try:
                    self._lambda.add(qualified, version, task_root)
                except WrongRuntime as problem:
                    error = json.dumps({"errorMessage": str(problem)}).encode()
                    return Result(error, "Runtime.InvalidRuntime")
        result = await self._lambda.invoke(qualified, payload, trace_id=trace_id)
        return dataclasses.replace(result, version=number)

    async def _weights(self, function: str, qualifier: str) -> Mapping[str, float]:
        fetched_at, weights = self._cache.get((function, qualifier), (None, {}))
        if fetched_at is None or self._clock() - fetched_at >= CACHE_SECONDS:
            weights = await asyncio.to_thread(self._versions.weights, function, qualifier)
            self._cache[function, qualifier] = (self._clock(), weights)
        return weights


def _choose(weights: Mapping[str, float], chance: float) -> str:
    for number, weight in weights.items():
        chance -= weight
        if chance < 0:
            return number
    return next(iter(weights))
