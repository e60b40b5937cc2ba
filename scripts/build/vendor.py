"""Third-party packages as they are shipped: pinned wheels, pruned, as byte code without source."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.build import bytecode, prune
from scripts.build.errors import BuildError
from scripts.build.targets import Target

# The modules that decide what a wheel becomes: a change of one of them makes new packages.
_RULES = [Path(__file__).with_name(f"{name}.py") for name in ("bytecode", "docstrings", "prune", "vendor")]


@dataclass(frozen=True)
class Packages:
    """The third-party packages of one target, pruned and compiled in `folder/<distribution>/`.

    `modules` maps a top-level module to its distribution, `requires` a distribution to those that it
    requires, `wheels` a distribution to its version and sha256.
    """

    folder: Path
    modules: dict[str, str]
    requires: dict[str, list[str]]
    removed_methods: frozenset[str]
    wheels: dict[str, dict[str, str]]

    def distributions(self, modules: frozenset[str]) -> set[str]:
        """Return the distributions of these top-level modules, and all that those require."""
        for module in sorted(modules - self.modules.keys()):
            raise BuildError(
                f"{module} is imported, but requirements/functions.txt pins no package that has it"
            )
        pending = [self.modules[module] for module in modules]
        required: set[str] = set()
        while pending:
            name = pending.pop()
            if name not in required:
                required.add(name)
                pending += self.requires[name]
        return required

    def files(self, distributions: set[str]) -> dict[str, bytes]:
        """Return what is shipped of these distributions, as content by path."""
        return {
            path.relative_to(self.folder / name).as_posix(): path.read_bytes()
            for name in distributions
            for path in (self.folder / name).rglob("*")
            if path.is_file()
        }


def packages(target: Target, interpreter: Path, requirements: Path, cache: Path) -> Packages:
    """Return the packages of a target, made at the first call and kept in `cache`."""
    extras = _extras(requirements)
    key = hashlib.sha256(requirements.read_bytes())
    key.update(repr(sorted((name, sorted(names)) for name, names in extras.items())).encode())
    key.update("\0".join(target.platforms).encode())
    wheels = cache / "wheels" / f"{target.runtime}-{target.architecture}-{key.hexdigest()[:12]}"
    for rule in _RULES:
        key.update(rule.read_bytes())
    folder = cache / "packages" / f"{target.runtime}-{target.architecture}-{key.hexdigest()[:12]}"
    if not wheels.exists():
        print(f"Fetching the packages for {target.runtime} on {target.architecture}", flush=True)
        _create_atomically(wheels, lambda new: _fetch(target, requirements, new))
    if not folder.exists():
        print(f"Pruning and compiling the packages for {target.runtime}", flush=True)
        _create_atomically(folder, lambda new: _unpack(target, interpreter, wheels, extras, new))
    index = json.loads((folder / "index.json").read_text())
    removed_methods = frozenset(index["removed_methods"])
    return Packages(folder, index["modules"], index["requires"], removed_methods, index["wheels"])


def _create_atomically(folder: Path, fill: Callable[[Path], None]) -> None:
    """Create a folder whole or not at all, so that an interrupted build leaves nothing half done."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        fill(new)
        try:
            new.rename(folder)
        except OSError:
            # Another build was faster; its content is the same.
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _fetch(target: Target, requirements: Path, folder: Path) -> None:
    abi = "cp" + target.python.replace(".", "")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--require-hashes", "--requirement", str(requirements), "--dest", str(folder),
        "--python-version", target.python, "--implementation", "cp", "--abi", abi, "--abi", "abi3",
        "--abi", "none",
    ]  # fmt: skip
    for platform in target.platforms:
        command += ["--platform", platform]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise BuildError(f"The packages for {target.runtime} could not be fetched:\n{process.stderr.strip()}")


def _unpack(
    target: Target, interpreter: Path, wheels: Path, extras: dict[str, set[str]], folder: Path
) -> None:
    """Write what is shipped of all wheels into `folder`, and index.json with what Packages has to know."""
    modules: dict[str, str] = {}
    requires: dict[str, list[str]] = {}
    versions: dict[str, dict[str, str]] = {}
    sources: dict[str, bytes] = {}
    owners: dict[str, str] = {}
    removed_methods: set[str] = set()
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        metadata = next(content for name, content in files.items() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(metadata.decode())
        distribution = canonicalize_name(headers["Name"])
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        versions[distribution] = {"version": headers["Version"], "sha256": digest}
        requirements = headers.get_all("Requires-Dist", [])
        requires[distribution] = _required(target, requirements, extras.get(distribution, set()))
        removed_methods |= prune.removed_methods(files)
        for path, content in (prune.prune(files) | _licences(distribution, files)).items():
            modules.setdefault(path.split("/")[0].removesuffix(".py"), distribution)
            if path.endswith(".py"):
                sources[path] = content
                owners[path] = distribution
                continue
            if path.endswith(".so"):
                target.check_extension(path, content)
            _write(folder / distribution / path, content)
    for path, compiled in bytecode.compile_all(interpreter, sources, columns=False).items():
        # Beside the package's other files and not in __pycache__: Python imports it without a source.
        _write(folder / owners[path] / (path + "c"), compiled)
    index = {
        "modules": modules, "requires": requires, "wheels": versions,
        "removed_methods": sorted(removed_methods),
    }  # fmt: skip
    (folder / "index.json").write_text(json.dumps(index))


def _extras(requirements: Path) -> dict[str, set[str]]:
    """Return the extras that functions.in names, by canonical name: {"pyjwt": {"crypto"}}."""
    lines = requirements.with_suffix(".in").read_text().splitlines()
    direct = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement.extras for requirement in direct}


def _required(target: Target, lines: list[str], extras: set[str]) -> list[str]:
    """Return the canonical names of the requirements that apply to the target, with these extras."""
    environment = {
        "python_version": target.python, "python_full_version": f"{target.python}.0",
        "sys_platform": "linux", "platform_python_implementation": "CPython",
    }  # fmt: skip
    requirements = [Requirement(line) for line in lines]
    return [
        canonicalize_name(requirement.name)
        for requirement in requirements
        if requirement.marker is None
        or any(
            requirement.marker.evaluate({**environment, "extra": extra}) for extra in ("", *sorted(extras))
        )
    ]


def _licences(distribution: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {
        f"licenses/{distribution}/{path.rsplit('/', 1)[-1]}": content
        for path, content in files.items()
        if re.search(r"\.dist-info/(.*/)?(LICEN[CS]E|NOTICE)[^/]*$", path)
    }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
