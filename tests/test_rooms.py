"""The rooms of the package: what keeps their import contract and their documentation honest."""

import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import stillseek
from stillseek import errors

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "stillseek"
# The command line documents itself with --help; its modules are no interface.
WITHOUT_REFERENCE = {"cli", "__init__", "__main__"}
MOST_LINES, MOST_OF_ALL = 350, 0.25


def test_every_folder_of_modules_is_a_package() -> None:
    # The import linter overlooks a folder without __init__.py, and everything in it.
    folders = {path.parent for path in PACKAGE.rglob("*.py")}

    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("stillseek", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    TopologicalSorter(imports).prepare()


def test_the_name_of_a_file_is_used_once() -> None:
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if path.stem != "__init__")

    assert not [name for name, number in names.items() if number > 1]


def test_no_file_and_no_room_is_too_large() -> None:
    lines, rooms = Counter[str](), Counter[str]()
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE)
        lines[place.as_posix()] = number = len(path.read_text().splitlines())
        rooms[place.parts[0]] += number

    assert not [name for name, number in lines.items() if number > MOST_LINES]
    assert max(rooms.values()) <= MOST_OF_ALL * rooms.total()


def test_every_room_is_in_the_api_reference() -> None:
    rooms = {
        path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")
    }
    documented = re.findall(r"^::: stillseek\.(\w+)", (ROOT / "docs/api.md").read_text(), re.M)

    assert set(documented) == rooms - WITHOUT_REFERENCE


def test_every_public_name_is_in_the_api_reference() -> None:
    page = (ROOT / "docs/api.md").read_text()
    names = set(stillseek.__all__) - set(vars(errors)) - {"__version__"}

    assert not [name for name in sorted(names) if f"[`{name}`][stillseek." not in page]
