"""localcloud is a distribution of its own: it imports nothing but what it declares, and knows no app."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Set
from pathlib import Path

import localcloud

SOURCE = Path(localcloud.__file__).parent
PROJECT = SOURCE.parents[1] / "pyproject.toml"
DISTRIBUTIONS = {"google": "protobuf", "grpc": "grpcio", "jwt": "pyjwt", "yaml": "pyyaml"}
"""For each package whose name differs from its distribution's, the distribution."""
PROVIDED = {"pytest_plugin.py": {"pytest"}}
"""For each module, the packages that its importer provides: only pytest loads the plugin."""
NODE_ONLY = {"machinelearning/driver.py"}
"""Modules that run in the nodes' environment, not in localcloud's own."""


def imports(file: Path) -> Iterator[str]:
    """The top-level packages that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name.split(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield str(node.module).split(".")[0]


def full_imports(file: Path) -> Iterator[str]:
    """The modules that a module imports, by their full names."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads(PROJECT.read_text())["project"]
    return {normal(re.split(r"[\[<>=!~ ]", each)[0]) for each in project["dependencies"]}


def test_it_imports_nothing_but_itself_and_what_it_declares() -> None:
    known = sys.stdlib_module_names | {"localcloud"}
    unknown = {}
    for file in SOURCE.rglob("*.py"):
        path = file.relative_to(SOURCE).as_posix()
        if path in NODE_ONLY:
            continue
        for name in set(imports(file)) - known - {"azure"} - PROVIDED.get(path, set()):
            if DISTRIBUTIONS.get(name, normal(name)) not in declared():
                unknown[name] = file
    assert unknown == {}


def test_every_part_of_azures_sdks_that_it_imports_is_declared() -> None:
    """All SDKs share the package `azure`, so each distribution is found by its part of that package."""
    special = {"azure-storage": "azure-storage-blob", "azure-durable_functions": "azure-functions-durable"}
    used = {
        "-".join(name.split(".")[:2])
        for file in SOURCE.rglob("*.py")
        for name in full_imports(file)
        if name.startswith("azure.")
    }
    assert {special.get(each, each) for each in used} <= declared()


def test_it_names_no_app() -> None:
    word = "touch" + "down"
    named = [file for file in SOURCE.rglob("*") if file.is_file() and file.suffix in (".py", ".cjs", ".md")]
    assert [file for file in [*named, PROJECT] if word in file.read_text().lower()] == []


def test_it_has_no_circle_of_modules() -> None:
    """Only imports at the top of a module count; those inside functions run when they are needed."""
    modules = {module_name(file): file for file in SOURCE.rglob("*.py")}
    graph = {name: top_level_imports(file, modules.keys()) for name, file in modules.items()}
    assert circle_in(graph) == []


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top_level_imports(file: Path, modules: Set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{each.name}" for each in node.names}
            found |= {name if name in modules else str(node.module) for name in names}
    return found & modules - {module_name(file)}


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """The modules of import cycles and those that need them, or nothing if there is no cycle."""
    left = {name: set(needs) for name, needs in graph.items()}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)
