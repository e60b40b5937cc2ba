"""What is left out of third-party packages, and why: the one place to read or change."""

import gzip
import json
import re
import ssl
from fnmatch import fnmatchcase
from typing import Any, cast

from botocore import xform_name

from scripts.build import slim
from scripts.build.errors import BuildError

# By service, the operations that functions call. The SDK makes a method and shapes of each that it knows.
OPERATIONS = {
    "apigatewaymanagementapi": ("DeleteConnection", "PostToConnection"),
    "dynamodb": ("DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"),
}
AWS_SERVICES = tuple(OPERATIONS)

# Patterns of paths below the zip's root (`*` also crosses folders), and why no function needs them.
DROPPED = {
    "*.pyi": "types for editors",
    "*/py.typed": "types for editors",
    "*.dist-info/*": "installers' records; licences are kept apart",
    "*.data/scripts/*": "command line tools",
    "botocore/examples/*": "documentation",
    "botocore/data/*/examples-1.json": "documentation",
    "botocore/data/*/2011-12-05/*": "the first version of DynamoDB's API",
    "botocore/data/*/waiters-2.json": "waiters wait for tables, which Terraform makes",
    "botocore/docs/*": "documentation generator, replaced below",
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
    "urllib3/http2/connection.py": "HTTP/2, which needs a package that is not shipped",
    "pydantic/v1/*": "the API of pydantic 1",
    "pydantic/mypy.py": "a plug-in of mypy",
    "pydantic/_hypothesis_plugin.py": "for tests",
    "pydantic/experimental/*": "not used",
    "pydantic/deprecated/*": "see KEPT",
}
# Exceptions from DROPPED.
KEPT = {
    "botocore/docs/__init__.py": "emptied below",
    "botocore/docs/docstring.py": "replaced below",
    "botocore/docs/utils.py": "imported by botocore.handlers",
    "botocore/crt/__init__.py": "imported by botocore.regions",
    "pydantic/deprecated/__init__.py": "imported by pydantic",
}
# Files whose content is replaced, because importing them costs more than what they do.
REPLACED = {
    # Pulls in the whole documentation generator and html.parser.
    "botocore/docs/__init__.py": b"",
    # Texts of help(client.get_item), made when someone reads them.
    "botocore/docs/docstring.py": b"""\
class ClientMethodDocstring(str):
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)


PaginatorDocstring = WaiterDocstring = ClientMethodDocstring
""",
    # Reads the metadata of every installed package to look for plug-ins.
    "pydantic/plugin/_loader.py": b"def get_plugins():\n    return ()\n",
    # Pulls in importlib.metadata to look for a package that is not shipped.
    "urllib3/http2/__init__.py": b"",
}
_IPV6 = b'IPV6_PAT = "(?:" + "|".join([x % _subs for x in _variations]) + ")"'
_IPV6_LOOSE = b'IPV6_PAT = "[0-9A-Fa-f]*:[0-9A-Fa-f:.]+"'
_NO_TIME_ZONES = b"ZoneInfo = ZoneInfoNotFoundError = type('ZoneInfo', (Exception,), {})"
# Statements that are replaced, because running them costs more than what they do.
EDITED = {
    # The nine spellings of an IPv6 address make a pattern that is compiled five times: 7 % of a cold start.
    # This one takes every IPv6 address, and no host name, which has no colon.
    "botocore/compat.py": (_IPV6, _IPV6_LOOSE),
    "urllib3/util/url.py": (_IPV6, _IPV6_LOOSE),
    # Reads how Python was built, to know where the machine has its time zones. No request has one.
    "pydantic/_internal/_generate_schema.py": (b"from zoneinfo import ZoneInfo\n", _NO_TIME_ZONES + b"\n"),
    "pydantic/_internal/_validators.py": (
        b"from zoneinfo import ZoneInfo, ZoneInfoNotFoundError\n",
        _NO_TIME_ZONES + b"\n",
    ),
}
# Types of what pydantic hands to its core, evaluated at import: 5 % of a cold start with pydantic.
TYPED_DICTS = "pydantic_core/core_schema.py"
# Code that is added at the end of files.
APPENDED = {
    # 118 of 127 event handlers are for other services or for documentation. Each costs when a session starts.
    "botocore/handlers.py": f"""
BUILTIN_HANDLERS = [
    entry for entry in BUILTIN_HANDLERS if "." not in entry[0] or entry[0].split(".")[1] in {AWS_SERVICES}
]
""".encode(),
}
# The certificates behind AWS's endpoints (https://www.amazontrust.com/repository/), by common name. botocore
# reads its whole bundle again for every new connection.
ROOT_CERTIFICATES = (
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
)
_DATA = "botocore/data/"
_DATA_FOR_ALL = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)


def prune(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return what is shipped of the unpacked wheel `files` (content by path)."""
    pruned = {}
    for path, content in files.items():
        if _dropped(path):
            continue
        name = path.removesuffix(".gz")
        plain = gzip.decompress(content) if path.endswith(".gz") else content
        if path == "botocore/cacert.pem":
            plain = _amazon_roots(plain)
        elif path == _DATA + "endpoints.json":
            plain = _compact(_used_endpoints(json.loads(plain)))
        elif path.startswith(_DATA) and name.endswith("/service-2.json"):
            plain = _compact(_used_operations(_without_documentation(json.loads(plain)), path.split("/")[2]))
        elif path.startswith(_DATA) and name.endswith(".json"):
            plain = _compact(_without_documentation(json.loads(plain)))
        elif path.endswith(".py"):
            plain = _lighter(path, plain)
        pruned[name] = REPLACED.get(path, plain) + APPENDED.get(path, b"")
    return pruned


def removed_methods(files: dict[str, bytes]) -> set[str]:
    """Return the client methods that `prune` takes from the unpacked wheel `files`, such as `scan`."""
    removed = set()
    for path, content in files.items():
        if path.startswith(_DATA) and path.endswith("/service-2.json.gz") and not _dropped(path):
            known = json.loads(gzip.decompress(content))["operations"]
            removed |= known.keys() - set(OPERATIONS[path.split("/")[2]])
    return {xform_name(operation) for operation in removed}


def _dropped(path: str) -> bool:
    if path.startswith(_DATA):
        service = path.removeprefix(_DATA).split("/")[0]
        if service not in (*AWS_SERVICES, *_DATA_FOR_ALL):
            return True
    return path not in KEPT and any(fnmatchcase(path, pattern) for pattern in DROPPED)


def _lighter(path: str, source: bytes) -> bytes:
    if path in EDITED:
        old, new = EDITED[path]
        if source.count(old) != 1:
            raise BuildError(f"{path} has not the statement that prune.py replaces: {old.decode().strip()}")
        source = source.replace(old, new)
    if path == TYPED_DICTS:
        source = slim.without_typed_dicts(source)
    return slim.without_docstrings(source)


def _amazon_roots(bundle: bytes) -> bytes:
    found: dict[str, bytes] = {}
    for block in _CERTIFICATE.findall(bundle):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=block.decode())
        for certificate in context.get_ca_certs():
            for part in cast("tuple[tuple[tuple[str, str], ...], ...]", certificate["subject"]):
                found.update({value: block for name, value in part if name == "commonName"})
    missing = [name for name in ROOT_CERTIFICATES if name not in found]
    if missing:
        raise BuildError(f"botocore's CA bundle lacks {', '.join(missing)}: without it TLS to AWS would fail")
    return b"".join(b"# %s\n%s" % (name.encode(), found[name]) for name in ROOT_CERTIFICATES)


def _used_endpoints(endpoints: dict[str, Any]) -> dict[str, Any]:
    """Keep partitions and regions whole, and of services only those that are used."""
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in AWS_SERVICES if name in services}
    return endpoints


def _used_operations(model: dict[str, Any], service: str) -> dict[str, Any]:
    """Keep the operations that are called, and the shapes that they are made of."""
    missing = [name for name in OPERATIONS[service] if name not in model["operations"]]
    if missing:
        raise BuildError(f"{service} has no operation {', '.join(missing)}: see OPERATIONS in prune.py")
    operations = {name: model["operations"][name] for name in OPERATIONS[service]}
    used: set[str] = set()
    waiting = _shapes(operations)
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += _shapes(model["shapes"][name])
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


def _compact(value: object) -> bytes:
    # Order is kept: rules are tried in the order in which they are written.
    return json.dumps(value, separators=(",", ":")).encode()
