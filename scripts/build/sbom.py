"""The software bill of materials: which packages are in which zip, in CycloneDX.

https://cyclonedx.org/docs/1.6/json/
"""

import uuid
from collections.abc import Mapping

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from scripts.build.vendor import Layer

_SERVICE = "session-service"


def document(release: str, layer: Layer, distributions: Mapping[str, set[str]]) -> str:
    """Return the bill of a release as JSON, the same for the same builds; `distributions` is by function."""
    # A bill's own number is chance otherwise, and its time now.
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_DNS, f"{_SERVICE} {release}"))
    bom.metadata.timestamp = None  # type: ignore[assignment]
    bom.metadata.component = service = Component(
        type=ComponentType.APPLICATION, name=_SERVICE, version=release, bom_ref=_SERVICE
    )
    packages = {name: _package(name, layer) for name in sorted(set().union(*distributions.values()))}
    functions = {
        name: Component(type=ComponentType.APPLICATION, name=name, version=release, bom_ref=name)
        for name in distributions
    }
    for component in (*packages.values(), *functions.values()):
        bom.components.add(component)
    bom.register_dependency(service, functions.values())
    for name, inside in distributions.items():
        bom.register_dependency(functions[name], [packages[package] for package in inside])
    for name, package in packages.items():
        bom.register_dependency(package, [packages[required] for required in layer.requires[name]])
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _package(name: str, layer: Layer) -> Component:
    wheel = layer.wheels[name]
    purl = PackageURL("pypi", None, name, wheel["version"])
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=wheel["version"],
        purl=purl,
        bom_ref=purl.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=wheel["sha256"])],
    )
