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

_RULES = [Path(__file__).with_name(f"{name}.py") for name in ("bytecode", "prune", "docstrings", "vendor")]


@dataclass(frozen=True)
class Layer:
    """The third-party packages of one target, unpacked, pruned and compiled in `folder/<distribution>/`."""

    folder: Path
    modules: dict[str, str]
    requires: dict[str, list[str]]
    removed_methods: frozenset[str]
    wheels: dict[str, dict[str, str]]

    def distributions(self, imported: frozenset[str]) -> set[str]:
        """Return the distributions of these top-level modules, and all that those require."""
        waiting = [self._distribution(module) for module in sorted(imported)]
        wanted: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting += self.requires[name]
        return wanted

    def files(self, distributions: set[str]) -> dict[str, bytes]:
        """Return what to ship of these distributions."""
        return {
            path.relative_to(self.folder / name).as_posix(): path.read_bytes()
            for name in distributions
            for path in (self.folder / name).rglob("*")
            if path.is_file()
        }

    def _distribution(self, module: str) -> str:
        if module not in self.modules:
            raise BuildError(
                f"{module} is imported, but requirements/functions.txt pins no package that has it"
            )
        return self.modules[module]


def layer(target: Target, interpreter: Path, requirements: Path, cache: Path) -> Layer:
    """Return the layer of a target, made at the first call and kept in `cache`."""
    extras = _extras(requirements)
    key = hashlib.sha256(requirements.read_bytes())
    key.update(repr(sorted((name, sorted(asked)) for name, asked in extras.items())).encode())
    key.update("\0".join(target.platforms).encode())
    wheels = cache / "wheels" / f"{target.runtime}-{target.architecture}-{key.hexdigest()[:12]}"
    for rule in _RULES:
        key.update(rule.read_bytes())
    folder = cache / "layers" / f"{target.runtime}-{target.architecture}-{key.hexdigest()[:12]}"
    if not wheels.exists():
        print(f"Fetching the packages for {target.runtime} on {target.architecture}", flush=True)
        _in_one_step(wheels, lambda made: _fetch(target, requirements, made))
    if not folder.exists():
        print(f"Pruning and compiling them for {target.runtime}", flush=True)
        _in_one_step(folder, lambda made: _make(target, interpreter, wheels, extras, made))
    index = json.loads((folder / "index.json").read_text())
    removed = frozenset(index["removed_methods"])
    return Layer(folder, index["modules"], index["requires"], removed, index["wheels"])


def _in_one_step(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder whole or not at all, so that an interrupted build leaves nothing half done."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    try:
        make(made)
        try:
            made.rename(folder)
        except OSError:
            # Another build was quicker; what it made is the same.
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _fetch(target: Target, requirements: Path, folder: Path) -> None:
    abi = "cp" + target.python.replace(".", "")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--require-hashes", "--requirement", str(requirements), "--dest", str(folder),
        "--python-version", target.python, "--implementation", "cp", "--abi", abi, "--abi", "abi3",
        "--abi", "none",
    ]  # fmt: skip
    command += [word for platform in target.platforms for word in ("--platform", platform)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BuildError(f"The packages for {target.runtime} could not be fetched:\n{answer.stderr.strip()}")


def _make(target: Target, interpreter: Path, wheels: Path, extras: dict[str, set[str]], folder: Path) -> None:
    modules: dict[str, str] = {}
    requires: dict[str, list[str]] = {}
    taken: dict[str, dict[str, str]] = {}
    sources: dict[str, bytes] = {}
    owners: dict[str, str] = {}
    removed: set[str] = set()
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            unpacked = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        metadata = next(content for name, content in unpacked.items() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(metadata.decode())
        distribution = canonicalize_name(headers["Name"])
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        taken[distribution] = {"version": headers["Version"], "sha256": digest}
        wanted = headers.get_all("Requires-Dist", [])
        requires[distribution] = _required(target, wanted, extras.get(distribution, set()))
        removed |= prune.removed_methods(unpacked)
        for path, content in {**prune.prune(unpacked), **_licences(distribution, unpacked)}.items():
            modules.setdefault(path.split("/")[0].removesuffix(".py"), distribution)
            if path.endswith(".py"):
                sources[path] = content
                owners[path] = distribution
                continue
            if path.endswith(".so"):
                target.check_extension(path, content)
            _write(folder / distribution / path, content)
    for path, compiled in bytecode.compile_all(interpreter, sources, columns=False).items():
        # Beside the package's other files and not in __pycache__: Python takes it without a source.
        _write(folder / owners[path] / (path + "c"), compiled)
    index = {"modules": modules, "requires": requires, "removed_methods": sorted(removed), "wheels": taken}
    (folder / "index.json").write_text(json.dumps(index))


def _extras(requirements: Path) -> dict[str, set[str]]:
    """Return the extras that functions.in asks for, by canonical name: {"pyjwt": {"crypto"}}."""
    lines = requirements.with_suffix(".in").read_text().splitlines()
    asked = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement.extras for requirement in asked}


def _required(target: Target, lines: list[str], extras: set[str]) -> list[str]:
    """Return the canonical names of the requirements that hold on the target, with these extras."""
    platform = {"python_version": target.python, "python_full_version": f"{target.python}.0"}
    platform |= {"sys_platform": "linux", "platform_python_implementation": "CPython"}
    requirements = [Requirement(line) for line in lines]
    return [
        canonicalize_name(requirement.name)
        for requirement in requirements
        if requirement.marker is None
        or any(requirement.marker.evaluate({**platform, "extra": extra}) for extra in ("", *sorted(extras)))
    ]


def _licences(distribution: str, unpacked: dict[str, bytes]) -> dict[str, bytes]:
    return {
        f"licenses/{distribution}/{path.rsplit('/', 1)[-1]}": content
        for path, content in unpacked.items()
        if re.search(r"\.dist-info/(.*/)?(LICEN[CS]E|NOTICE)[^/]*$", path)
    }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
