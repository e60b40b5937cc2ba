"""Invocations by alias: by its weights, and by its current versions."""

import asyncio
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import local_system
from scripts.local.aws import local_aws
from scripts.local.lambda_ import launch
from scripts.local.lambda_.aliases import ALIAS, CACHE_SECONDS, Aliases, Versions
from scripts.local.lambda_.invocation import Result, UnknownFunction
from scripts.local.lambda_.launch import WrongRuntime
from tests.unit.scripts.local.conftest import function


class FakeVersions:
    """The weights of every alias, and how often they were read."""

    def __init__(self, **weights: float) -> None:
        self.shares = {name.removeprefix("v"): share for name, share in weights.items()}
        self.reads = 0
        self.fetched: list[str] = []

    def weights(self, function: str, qualifier: str) -> dict[str, float]:
        self.reads += 1
        return self.shares if qualifier == ALIAS else {qualifier: 1.0}

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
    assert invoked(Aliases(Lambda(), FakeVersions(v3=1.0))) == {"health:3": 1}


def test_invocations_are_shared_by_weight():
    chances = iter([n / 100 for n in range(100)])
    aliases = Aliases(Lambda(), FakeVersions(v1=0.9, v2=0.1), chance=lambda: next(chances))

    assert invoked(aliases, 100) == {"health:1": 90, "health:2": 10}


def test_a_version_is_fetched_once():
    versions = FakeVersions(v1=1.0)

    invoked(Aliases(Lambda(), versions), 5)

    assert versions.fetched == ["1"]


def test_a_changed_alias_takes_effect_after_a_moment():
    versions, clock = FakeVersions(v1=1.0), Clock()
    aliases = Aliases(Lambda(), versions, clock=clock)
    invoked(aliases)
    versions.shares = {"2": 1.0}

    at_once = invoked(aliases)
    clock.now += CACHE_SECONDS
    later = invoked(aliases)

    assert (at_once, later) == ({"health:1": 1}, {"health:2": 1})
    assert versions.reads == 2


def test_a_version_for_another_python_fails_its_invocation():
    result = asyncio.run(Aliases(Lambda(), FakeVersions(v99=1.0)).invoke("health", b"{}"))

    assert result.error == "Runtime.InvalidRuntime"


@pytest.mark.parametrize("chance", [0.0, 0.999_999_999])
def test_weights_that_add_up_to_a_little_less_than_1_always_choose_a_version(chance: float):
    aliases = Aliases(Lambda(), FakeVersions(v1=0.7, v2=0.299_999), chance=lambda: chance)

    assert sum(invoked(aliases).values()) == 1


def test_an_invocation_can_name_a_version():
    aliases = Aliases(Lambda(), FakeVersions(v1=1.0))

    results = [
        asyncio.run(aliases.invoke("health", b"{}", qualifier=qualifier)) for qualifier in ("2", ALIAS)
    ]

    assert [(result.payload, result.version) for result in results] == [
        (b"health:2", "2"),
        (b"health:1", "1"),
    ]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versions]:
    """The versions 1 and 2 of the function `f`. Its alias `live` invokes 1, and 2 by 10 %."""
    folder = tmp_path_factory.mktemp("aws")
    with local_aws.running(folder / "log", "http://127.0.0.1:9") as aws:
        iam, lambda_ = (local_system.aws_client(service, aws.url) for service in ("iam", "lambda"))
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        lambda_.create_function(
            FunctionName="f",
            Role=role,
            Runtime=launch.RUNTIME,
            Architectures=[launch.ARCHITECTURE],
            Handler="h.h",
            Code={"ZipFile": _zip("1")},
            Environment={"Variables": {}},
            Publish=True,
        )
        lambda_.update_function_code(FunctionName="f", ZipFile=_zip("2"), Publish=True)
        weights = {"AdditionalVersionWeights": {"2": 0.1}}
        lambda_.create_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=weights)
        yield Versions(aws.url, {"f": function("f")}, folder / "zips")


def _zip(content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr("h.py", content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("qualifier", "weights"), [("live", {"1": 0.9, "2": 0.1}), ("1", {"1": 1}), ("$LATEST", {"2": 1})]
)
def test_a_qualifier_is_an_alias_a_version_or_the_newest_code(
    versions: Versions, qualifier: str, weights: dict[str, float]
):
    assert versions.weights("f", qualifier) == weights


@pytest.mark.parametrize(
    ("function_name", "qualifier"), [("f", "no"), ("f", "3"), ("g", "live"), ("g", "$LATEST")]
)
def test_what_does_not_exist_is_unknown(versions: Versions, function_name: str, qualifier: str):
    with pytest.raises(UnknownFunction, match=re.escape(f"{function_name}:{qualifier}")):
        asyncio.run(Aliases(Lambda(), versions).invoke(function_name, b"{}", qualifier=qualifier))
