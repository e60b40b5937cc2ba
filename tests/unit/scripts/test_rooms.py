"""What modules of scripts/ may import: a folder is a room, and modules beside the folders are shared."""

from scripts.project import ROOT
from tests.support.imports import cycle, import_graph

GRAPH = import_graph("scripts")
ROOMS = {file.relative_to(ROOT / "scripts").parts[0] for file in (ROOT / "scripts").glob("*/**/*.py")}


def room(module: str) -> str | None:
    """Return the room of a module; None for a shared module and outside of scripts/."""
    top, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    return name if top == "scripts" and name in ROOMS else None


def test_imports_form_no_circle():
    assert cycle(GRAPH) == []


def test_a_circle_of_imports_is_found():
    assert set(cycle({"a": {"b"}, "b": {"c"}, "c": {"b", "sys"}})) == {"b", "c"}


def test_a_room_imports_itself_and_shared_modules_only():
    imports_of_other_rooms = {
        f"{module} imports {imported}"
        for module, imports in GRAPH.items()
        for imported in imports
        if room(imported) not in (None, room(module))
    }

    assert imports_of_other_rooms == set()


def test_scripts_do_not_import_tests():
    importing_tests = {
        module
        for module, imports in GRAPH.items()
        if any(imported.split(".")[0] == "tests" for imported in imports)
    }

    assert importing_tests == set()
