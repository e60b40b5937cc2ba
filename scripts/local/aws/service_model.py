"""Values checked against the SDK's own model of a service: what is required, types, lengths and words.

https://smithy.io/2.0/spec/constraint-traits.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape, StructureShape

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "structure": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
}


def load(service: str) -> ServiceModel:
    """Return the model that the installed SDK has of a service."""
    return botocore.session.get_session().get_service_model(service)


def wrong_types(shape: Shape, value: object, path: str = "") -> Iterator[str]:
    """Yield a sentence for each value that is not of the type of its shape, and for each unknown member."""
    if not isinstance(value, _TYPES[shape.type_name]):
        yield f"{path or 'The request'} is not of the type {shape.type_name}"
        return
    for member, part, part_path in _parts(shape, value, path):
        if member is None:
            yield f"{part_path} is unknown to the service"
        else:
            yield from wrong_types(member, part, part_path)


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield a sentence for each constraint that a value violates, whose types are those of the shape."""
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"{_join(path, name)}: Member must not be null"
    if isinstance(value, str):
        yield from _string_violations(shape, value, path)
    for member, part, part_path in _parts(shape, value, path):
        if member is not None:
            yield from violations(member, part, part_path)


def _string_violations(shape: Any, value: str, path: str) -> Iterator[str]:
    metadata = shape.metadata
    if len(value) < metadata.get("min", 0):
        yield f"{path}: Member must have length greater than or equal to {metadata['min']}"
    if "max" in metadata and len(value) > metadata["max"]:
        yield f"{path}: Member must have length less than or equal to {metadata['max']}"
    if shape.enum and value not in shape.enum:
        yield f"{path}: Member must satisfy enum value set: {shape.enum}"
    pattern = metadata.get("pattern", "")
    # Python's expressions have no Unicode properties such as \p{M}.
    if pattern and "{M}" not in pattern and not re.fullmatch(pattern, value):
        yield f"{path}: Member must satisfy regular expression pattern: {pattern}"


def _parts(shape: Any, value: Any, path: str) -> Iterator[tuple[Shape | None, Any, str]]:
    """Yield the parts of a structure or list: their shape (None if it has none), value and path."""
    if shape.type_name == "structure":
        for name, part in value.items():
            if part is not None:
                yield shape.members.get(name), part, _join(path, name)
    elif shape.type_name == "list":
        for index, part in enumerate(value, start=1):
            yield shape.member, part, f"{path}.{index}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
