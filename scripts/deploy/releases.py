"""The releases that an environment's functions hold, and the alias `live` that selects one of them.

A release publishes one version of each function; the version's description is the name of the release. API
Gateway and the event source mappings invoke the alias, so moving it makes another release live.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.environments import Environment
from scripts.errors import PreconditionFailed, StepFailed

ALIAS = "live"

Versions = Mapping[str, str]
"""A version number by function name."""

SECRET_SETTINGS = ("ADDRESS_KEY", "CURSOR_KEY")
"""The settings to which each rotation of the secrets gives another value."""


@dataclass(frozen=True)
class Function:
    """A function in AWS: its live version, and the release of each published version by version number."""

    name: str
    live_version: str
    releases: Mapping[str, str]

    @property
    def live_release(self) -> str:
        """The release of the live version."""
        return self.releases.get(self.live_version, "unknown")

    def newest_version(self, release: str) -> str | None:
        """Return the last version that was published for a release, or None."""
        versions = [version for version, published in self.releases.items() if published == release]
        return max(versions, key=int, default=None)


class Releases:
    """The functions of an environment and their releases."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._lambda = environment.client("lambda")

    def functions(self) -> list[Function]:
        """Return the functions that have a live version; an empty list when the environment is not deployed.

        An interrupted first apply may leave functions without the alias. The next apply creates it.
        """
        functions = map(self._function, self._environment.function_names())
        return [function for function in functions if function]

    def live_release(self) -> str | None:
        """Return the live release, `a and b` when functions differ, or None when nothing is deployed."""
        return " and ".join(sorted({function.live_release for function in self.functions()})) or None

    def live_versions(self) -> dict[str, str]:
        """Return the live version of each function."""
        return {function.name: function.live_version for function in self.functions()}

    def versions(self, release: str) -> dict[str, str]:
        """Return the versions of a release. Raises PreconditionFailed when no function has one."""
        functions = self.functions()
        versions = {
            function.name: version for function in functions if (version := function.newest_version(release))
        }
        if not versions:
            known = sorted({name for function in functions for name in function.releases.values()})
            raise PreconditionFailed(
                f"{self._environment.name} has no release {release!r}. It has: {', '.join(known) or 'none'}."
            )
        return versions

    def precede_rotation(self, versions: Versions) -> bool:
        """Return whether these versions are older than live ones that have other secrets.

        Versions that are newer than the live ones are the next step of a rotation. So a rollout of a rotated
        release can go on, and it can be aborted as long as the former release is live.
        """
        live = self.live_versions()
        return any(
            int(version) < int(live[name]) and self._secrets_differ(name, version, live[name])
            for name, version in versions.items()
            if name in live
        )

    def make_live(self, versions: Versions) -> None:
        """Route all invocations of these functions to these versions. Other functions do not change."""
        for name, version in versions.items():
            self._lambda.update_alias(
                FunctionName=name,
                Name=ALIAS,
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": {}},
            )

    def shift(self, current: Versions, new: Versions, percent: int) -> None:
        """Route `percent` of the invocations to the new versions, the rest to the current ones.

        Raises StepFailed when an alias was moved by somebody else.
        """
        for name, version in new.items():
            alias = self._lambda.get_alias(FunctionName=name, Name=ALIAS)
            if alias["FunctionVersion"] != current[name]:
                raise StepFailed(f"Somebody else has moved {name} to its version {alias['FunctionVersion']}.")
            self._lambda.update_alias(
                FunctionName=name,
                Name=ALIAS,
                FunctionVersion=current[name],
                RoutingConfig={"AdditionalVersionWeights": {version: percent / 100}},
                RevisionId=alias["RevisionId"],
            )

    def _secrets_differ(self, name: str, former: str, current: str) -> bool:
        """Return whether a secret that both versions have has changed."""
        secrets = self._secrets(name, current)
        former_secrets = self._secrets(name, former) if secrets else {}
        return any(former_secrets.get(setting, value) != value for setting, value in secrets.items())

    def _secrets(self, name: str, version: str) -> dict[str, str]:
        """Return the secrets of a version by setting. They are compared and never printed."""
        configuration = self._lambda.get_function_configuration(FunctionName=name, Qualifier=version)
        settings = configuration.get("Environment", {}).get("Variables", {})
        return {setting: settings[setting] for setting in SECRET_SETTINGS if setting in settings}

    def _function(self, name: str) -> Function | None:
        try:
            alias = self._lambda.get_alias(FunctionName=name, Name=ALIAS)
        except self._lambda.exceptions.ResourceNotFoundException:
            return None
        pages = self._lambda.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        releases = {
            version["Version"]: version["Description"]
            for page in pages
            for version in page["Versions"]
            if version["Version"] != "$LATEST"
        }
        return Function(name, alias["FunctionVersion"], releases)
