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

from scripts.build.vendor import Packages

_SERVICE = "session-service"


def document(release: str, packages: Packages, distributions: Mapping[str, set[str]]) -> str:
    """Return the bill of a release as JSON, the same for the same build; `distributions` is by function."""
    # By default, the serial number is random and the timestamp is now.
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_DNS, f"{_SERVICE} {release}"))
    bom.metadata.timestamp = None  # type: ignore[assignment]
    bom.metadata.component = service = _application(_SERVICE, release)
    libraries = {name: _library(name, packages) for name in sorted(set().union(*distributions.values()))}
    functions = {name: _application(name, release) for name in distributions}
    for component in (*libraries.values(), *functions.values()):
        bom.components.add(component)
    bom.register_dependency(service, functions.values())
    for name, shipped in distributions.items():
        bom.register_dependency(functions[name], [libraries[each] for each in shipped])
    for name, library in libraries.items():
        bom.register_dependency(library, [libraries[each] for each in packages.requires[name]])
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _application(name: str, release: str) -> Component:
    return Component(type=ComponentType.APPLICATION, name=name, version=release, bom_ref=name)


def _library(name: str, packages: Packages) -> Component:
    wheel = packages.wheels[name]
    purl = PackageURL("pypi", None, name, wheel["version"])
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=wheel["version"],
        purl=purl,
        bom_ref=purl.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=wheel["sha256"])],
    )
