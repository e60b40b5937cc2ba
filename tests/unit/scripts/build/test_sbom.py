"""The bill of materials: what is in each zip, in a form that tools read, the same for the same build."""

import json
from pathlib import Path

import pytest

from scripts.build import sbom
from scripts.build.vendor import Packages

PACKAGES = Packages(
    folder=Path(),
    modules={},
    requires={"pydantic": ["typing-extensions"], "typing-extensions": [], "botocore": []},
    removed_methods=frozenset(),
    wheels={
        "pydantic": {"version": "2.14.3", "sha256": "a" * 64},
        "typing-extensions": {"version": "4.16.0", "sha256": "b" * 64},
        "botocore": {"version": "1.44.5", "sha256": "c" * 64},
    },
)
DISTRIBUTIONS = {"create_session": {"pydantic", "typing-extensions", "botocore"}, "health": {"botocore"}}


@pytest.fixture
def bill() -> dict:
    return json.loads(sbom.document("0.1.0+abc", PACKAGES, DISTRIBUTIONS))


def test_it_is_cyclonedx_of_this_release(bill: dict):
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["version"] == "0.1.0+abc"


def test_every_package_has_its_version_and_the_hash_of_its_wheel(bill: dict):
    packages = {part["purl"]: part["hashes"] for part in bill["components"] if part["type"] == "library"}

    assert packages == {
        "pkg:pypi/pydantic@2.14.3": [{"alg": "SHA-256", "content": "a" * 64}],
        "pkg:pypi/typing-extensions@4.16.0": [{"alg": "SHA-256", "content": "b" * 64}],
        "pkg:pypi/botocore@1.44.5": [{"alg": "SHA-256", "content": "c" * 64}],
    }


def test_every_zip_depends_on_what_is_in_it(bill: dict):
    depends = {part["ref"]: set(part.get("dependsOn", [])) for part in bill["dependencies"]}

    assert depends["session-service"] == {"create_session", "health"}
    assert depends["health"] == {"pkg:pypi/botocore@1.44.5"}
    assert depends["pkg:pypi/pydantic@2.14.3"] == {"pkg:pypi/typing-extensions@4.16.0"}


def test_the_same_build_has_the_same_bill():
    bills = {sbom.document("0.1.0+abc", PACKAGES, DISTRIBUTIONS) for _ in range(2)}

    assert len(bills) == 1
