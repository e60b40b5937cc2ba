"""The releases that an environment's functions hold, and the alias `live` that points into them.

Each release publishes a version of every function, whose description is the release. Whoever invokes a
function invokes `live`; moving it moves them.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.environments import Environment
from scripts.errors import Failed, Refused

ALIAS = "live"

Versions = Mapping[str, str]
"""A version's number by the name of its function."""


@dataclass(frozen=True)
class Function:
    """A function as it is now: where `live` points, and every published version's release by its number."""

    name: str
    live: str
    releases: Mapping[str, str]

    def newest(self, release: str) -> str | None:
        """Return the number of the version that was published last for a release."""
        return max(
            (number for number, told in self.releases.items() if told == release), key=int, default=None
        )


class Releases:
    """The functions of an environment."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._lambda = environment.client("lambda")

    def functions(self) -> list[Function]:
        """Return every function that has an alias `live`; none when nothing is deployed."""
        return [self._function(name) for name in self._environment.function_names()]

    def live(self) -> str | None:
        """Return the release that is live, `a and b` when functions differ, or None for none."""
        told = {function.releases.get(function.live, "unknown") for function in self.functions()}
        return " and ".join(sorted(told)) or None

    def versions(self, release: str) -> dict[str, str]:
        """Return the versions of a release. Raises Refused when no function has one."""
        functions = self.functions()
        found = {function.name: number for function in functions if (number := function.newest(release))}
        if not found:
            known = sorted({told for function in functions for told in function.releases.values()})
            raise Refused(
                f"{self._environment.name} has no release {release!r}. It has: {', '.join(known) or 'none'}."
            )
        return found

    def now(self) -> dict[str, str]:
        """Return the versions that are live."""
        return {function.name: function.live for function in self.functions()}

    def point(self, versions: Versions) -> None:
        """Point `live` at these versions, all at once and wholly. Functions that are not named stay."""
        for name, number in versions.items():
            self._lambda.update_alias(
                FunctionName=name,
                Name=ALIAS,
                FunctionVersion=number,
                RoutingConfig={"AdditionalVersionWeights": {}},
            )

    def shift(self, current: Versions, coming: Versions, percent: int) -> None:
        """Lead `percent` of the invocations to the versions that come. Raises Failed when others move too."""
        for name, number in coming.items():
            alias = self._lambda.get_alias(FunctionName=name, Name=ALIAS)
            if alias["FunctionVersion"] != current[name]:
                raise Failed(f"Somebody else has moved {name} to its version {alias['FunctionVersion']}.")
            self._lambda.update_alias(
                FunctionName=name,
                Name=ALIAS,
                FunctionVersion=current[name],
                RoutingConfig={"AdditionalVersionWeights": {number: percent / 100}},
                RevisionId=alias["RevisionId"],
            )

    def _function(self, name: str) -> Function:
        pages = self._lambda.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        releases = {
            version["Version"]: version["Description"]
            for page in pages
            for version in page["Versions"]
            if version["Version"] != "$LATEST"
        }
        try:
            live = self._lambda.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"]
        except self._lambda.exceptions.ResourceNotFoundException:
            raise Refused(f"{name} has no alias {ALIAS}: apply a plan first.") from None
        return Function(name, live, releases)
