"""TypeScript types of the messages, from the AsyncAPI document: pages' JavaScript is checked with them."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from scripts.docs import asyncapi

Json = Mapping[str, Any]

PATH = "scripts/local/web/messages.d.ts"

_SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}


def module() -> str:
    """Return the text of the module."""
    schemas = asyncapi.document()["components"]["schemas"]
    parts = ["// Written by `make docs` from docs/asyncapi.json."]
    parts += [_comment(schema) + _declaration(name, schema) for name, schema in schemas.items()]
    return "\n\n".join(parts) + "\n"


def type_of(schema: Json) -> str:
    """Return the type expression of a schema."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(map(type_of, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        return " | ".join(_literal(value) for value in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "array":
            return f"{type_of(schema['items'])}[]"
        case "object" if "properties" in schema:
            return _members(schema)
        case "object":
            return f"Record<string, {type_of(schema.get('additionalProperties') or {})}>"
        case simple:
            return _SIMPLE.get(str(simple), "unknown")


def _declaration(name: str, schema: Json) -> str:
    if schema.get("type") == "object" and "properties" in schema:
        return f"export interface {name} {_members(schema)}"
    return f"export type {name} = {type_of(schema)};"


def _members(schema: Json) -> str:
    required = set(schema.get("required", ()))
    fields = (
        f"  {name}{'' if name in required else '?'}: {type_of(field)};"
        for name, field in schema["properties"].items()
    )
    return "\n".join(["{", *fields, "}"])


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _comment(schema: Json) -> str:
    lines = wrap(" ".join(str(schema.get("description", "")).split()), width=106)
    return "".join(f"// {line}\n" for line in lines)
