"""What is left out of third-party packages, and why. No statement of theirs is replaced or added."""

import gzip
import json
import re
import ssl
from fnmatch import fnmatchcase
from typing import Any, cast

from botocore import xform_name

from scripts.build.docstrings import strip_docstrings
from scripts.build.errors import BuildError

# By service, the operations that functions call. botocore makes a method and shapes of each that it knows.
OPERATIONS = {
    "apigatewaymanagementapi": ("DeleteConnection", "PostToConnection"),
    "dynamodb": (
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    ),
    "kinesis": ("PutRecord",),
    "polly": ("SynthesizeSpeech",),
    "s3": ("GetObject", "PutObject"),
    "translate": ("TranslateText",),
}

# Patterns of paths below the zip's root (`*` also matches `/`), and why no function needs them. A package
# whose __init__.py is left out is a namespace package: its other modules are imported as before.
EXCLUDED = {
    "*.pyi": "types for editors",
    "*/py.typed": "types for editors",
    "*.dist-info/*": "installers' records; licences are kept apart",
    "*.data/scripts/*": "command line tools",
    "botocore/examples/*": "documentation",
    "botocore/data/*/examples-1.json": "documentation",
    "botocore/data/*/2011-12-05/*": "the first version of DynamoDB's API",
    "botocore/data/*/waiters-2.json": "waiters wait for tables, which Terraform makes",
    "botocore/docs/__init__.py": "imports the generator of the reference documentation",
    "botocore/docs/client.py": "generator of the reference documentation",
    "botocore/docs/service.py": "generator of the reference documentation",
    "botocore/docs/sharedexample.py": "generator of the reference documentation",
    "botocore/docs/translator.py": "generator of the reference documentation",
    "botocore/crt/*": "signing by the C runtime, which is not shipped",
    "botocore/stub.py": "for tests",
    "botocore/vendored/requests/packages/chardet/*": "never imported",
    "dateutil/zoneinfo/*": "a copy of the time zone database",
    "dateutil/rrule.py": "calendar rules",
    "dateutil/easter.py": "calendar rules",
    "dateutil/tzwin.py": "Windows",
    "dateutil/tz/win.py": "Windows",
    "urllib3/contrib/emscripten/*": "browsers",
    "urllib3/contrib/pyopenssl.py": "another TLS library",
    "urllib3/contrib/socks.py": "SOCKS proxies",
    "urllib3/http2/__init__.py": "HTTP/2, which needs a package that is not shipped",
    "urllib3/http2/connection.py": "HTTP/2, which needs a package that is not shipped",
    "pydantic/v1/*": "the API of pydantic 1",
    "pydantic/mypy.py": "a plug-in of mypy",
    "pydantic/_hypothesis_plugin.py": "for tests",
    "pydantic/experimental/*": "not used",
    "pydantic/deprecated/*": "the API of pydantic 1",
}
# Exceptions from EXCLUDED.
INCLUDED = {
    "botocore/crt/__init__.py": "imported by botocore.regions",
    "pydantic/deprecated/__init__.py": "imported by pydantic",
}
# The certificates behind AWS's endpoints (https://www.amazontrust.com/repository/), by common name. botocore
# reads its whole bundle again for every new connection.
REQUIRED_ROOTS = ("Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4")
# It has also signed Amazon's roots, and is shipped as long as botocore's bundle has it.
OPTIONAL_ROOTS = ("Starfield Services Root Certificate Authority - G2",)
_DATA = "botocore/data/"
_DATA_FOR_ALL = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)


def prune(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return what is shipped of the unpacked wheel `files` (content by path)."""
    pruned = {}
    for path, content in files.items():
        if _excluded(path):
            continue
        name = path.removesuffix(".gz")
        plain = gzip.decompress(content) if path.endswith(".gz") else content
        if path == "botocore/cacert.pem":
            plain = _amazon_roots(plain)
        elif path.startswith(_DATA) and name.endswith(".json"):
            plain = _pruned_data(path.removeprefix(_DATA).split("/")[0], name, json.loads(plain))
        elif path.endswith(".py"):
            plain = strip_docstrings(plain)
        pruned[name] = plain
    return pruned


def service_of(path: str) -> str | None:
    """Return the service of one of OPERATIONS whose data the SDK keeps in this file, None for other files."""
    service = path.removeprefix(_DATA).split("/")[0]
    return service if path.startswith(_DATA) and service in OPERATIONS else None


def removed_methods(files: dict[str, bytes]) -> set[str]:
    """Return the client methods that `prune` takes from the unpacked wheel `files`, such as `scan`."""
    removed = set()
    for path, content in files.items():
        if path.startswith(_DATA) and path.endswith("/service-2.json.gz") and not _excluded(path):
            known = json.loads(gzip.decompress(content))["operations"]
            removed |= known.keys() - set(OPERATIONS[path.split("/")[2]])
    return {xform_name(operation) for operation in removed}


def _excluded(path: str) -> bool:
    if path.startswith(_DATA) and path.split("/")[2] not in (*OPERATIONS, *_DATA_FOR_ALL):
        return True
    return path not in INCLUDED and any(fnmatchcase(path, pattern) for pattern in EXCLUDED)


def _amazon_roots(bundle: bytes) -> bytes:
    roots: dict[str, bytes] = {}
    for block in _CERTIFICATE.findall(bundle):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=block.decode())
        for certificate in context.get_ca_certs():
            for part in cast("tuple[tuple[tuple[str, str], ...], ...]", certificate["subject"]):
                roots.update({value: block for name, value in part if name == "commonName"})
    missing = [name for name in REQUIRED_ROOTS if name not in roots]
    if missing:
        raise BuildError(f"botocore's CA bundle lacks {', '.join(missing)}: without it TLS to AWS would fail")
    shipped = [name for name in (*REQUIRED_ROOTS, *OPTIONAL_ROOTS) if name in roots]
    return b"".join(b"# %s\n%s" % (name.encode(), roots[name]) for name in shipped)


def _pruned_data(service: str, path: str, data: dict[str, Any]) -> bytes:
    """Return a file of botocore's data without documentation and without what no function uses."""
    data = _without_documentation(data)
    if service == "endpoints.json":
        # Keep partitions and regions whole, and of services only those that are used.
        for partition in data["partitions"]:
            services = partition["services"]
            partition["services"] = {name: services[name] for name in OPERATIONS if name in services}
    elif path.endswith("/service-2.json"):
        data = _used_operations(data, service)
        for parameter in data.get("clientContextParams", {}).values():
            parameter["documentation"] = ""  # botocore reads it before each call
    # Order is kept: rules are tried in the order in which they are written.
    return json.dumps(data, separators=(",", ":")).encode()


def _used_operations(model: dict[str, Any], service: str) -> dict[str, Any]:
    """Keep the operations that are called, and the shapes that they are made of."""
    missing = [name for name in OPERATIONS[service] if name not in model["operations"]]
    if missing:
        raise BuildError(f"{service} has no operation {', '.join(missing)}: see OPERATIONS in prune.py")
    operations = {name: model["operations"][name] for name in OPERATIONS[service]}
    used: set[str] = set()
    pending = _shapes(operations)
    while pending:
        name = pending.pop()
        if name not in used:
            used.add(name)
            pending += _shapes(model["shapes"][name])
    shapes = {name: shape for name, shape in model["shapes"].items() if name in used}
    return {**model, "operations": operations, "shapes": shapes}


def _shapes(model: Any) -> list[str]:
    """Return the names of the shapes that a part of a service model refers to."""
    if isinstance(model, list):
        return [name for part in model for name in _shapes(part)]
    if not isinstance(model, dict):
        return []
    own = [model["shape"]] if isinstance(model.get("shape"), str) else []
    return own + [name for part in model.values() for name in _shapes(part)]


def _without_documentation(model: Any) -> Any:
    if isinstance(model, dict):
        return {
            key: _without_documentation(value)
            for key, value in model.items()
            if not (key == "documentation" and isinstance(value, str))
        }
    if isinstance(model, list):
        return [_without_documentation(value) for value in model]
    return model
