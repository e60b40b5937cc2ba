"""What rooms of the local system import of each other: gateway → lambda_ → config, and nothing else."""

from scripts.project import ROOT
from tests.support.imports import import_graph

PACKAGE = "scripts.local"
FOLDER = ROOT / "scripts/local"
GRAPH = import_graph("scripts/local")
ROOMS = {file.relative_to(FOLDER).parts[0] for file in FOLDER.glob("*/**/*.py")}
MAY_IMPORT = {"gateway": {"lambda_", "config"}, "lambda_": {"config"}}


def room(module: str) -> str | None:
    """Return the room of a module; None for the modules beside the rooms and outside of the package."""
    name = module.removeprefix(f"{PACKAGE}.").partition(".")[0]
    return name if module.startswith(f"{PACKAGE}.") and name in ROOMS else None


def reachable(module: str) -> set[str]:
    """Return the modules of the package that a module imports, directly or through others."""
    modules: set[str] = set()
    pending = [module]
    while pending:
        imports = {name for name in GRAPH.get(pending.pop(), ()) if name in GRAPH}
        pending += imports - modules
        modules |= imports
    return modules


def test_the_law_names_rooms_that_exist():
    assert set(MAY_IMPORT) | set().union(*MAY_IMPORT.values()) <= ROOMS


def test_rooms_import_only_the_rooms_below_them():
    forbidden = {
        f"{module} imports {imported}"
        for module in GRAPH
        if (home := room(module))
        for imported in reachable(module)
        if room(imported) not in {None, home, *MAY_IMPORT.get(home, ())}
    }

    assert forbidden == set()
