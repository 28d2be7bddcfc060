"""Who may import whom. The layout is the architecture (docs/architecture.md), and these rules keep it.

Imports are read from the source, those inside functions included. An import under TYPE_CHECKING counts as
well: whoever needs another module's types depends on it.
"""

import ast
import graphlib
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCALCLOUD = ROOT / "packages" / "localcloud"
PRODUCT = ("runs", "services", "orchestrators", "activities", "triggers", "function_app")
OWN = {*PRODUCT, "trainer", "touchdown", "localcloud", "scripts", "benchmarks", "tests"}
FOLDERS = {name: ROOT / name for name in OWN} | {
    "function_app": ROOT / "function_app.py",
    "localcloud": LOCALCLOUD / "src" / "localcloud",
}
"""Where each part of the repository is."""

FORBIDDEN = {
    "function_app": {"touchdown", "localcloud", "scripts", "benchmarks", "tests"},
    "triggers": {"activities", "touchdown", "localcloud", "scripts", "benchmarks", "tests"},
    "activities": {"triggers", "orchestrators", "touchdown", "localcloud", "scripts", "benchmarks", "tests"},
    "orchestrators": {
        *("triggers", "activities", "services", "azure.storage", "azure.mgmt", "azure.ai", "azure.identity"),
        *("touchdown", "localcloud", "scripts", "benchmarks", "tests"),
    },
    "services": {
        *(
            "triggers",
            "orchestrators",
            "activities",
            "touchdown",
            "localcloud",
            "scripts",
            "benchmarks",
            "tests",
        ),
    },
    "runs": OWN - {"runs", "trainer"} | {"azure", "durabletask", "grpc"},
    "trainer": OWN - {"trainer"},
    "localcloud": OWN - {"localcloud"},
    "touchdown": {*PRODUCT, "benchmarks", "tests"} - {"runs"},
    "scripts": {"localcloud", "benchmarks", "tests"},
}
"""By part, the packages that it never imports."""

PURE = {"runs": {"socket", "subprocess", "urllib.request", "http.client", "sqlite3", "shutil", "tempfile"}}
"""By part, the modules of the standard library that do I/O and that it does not need."""


def files(part: str) -> list[Path]:
    place = FOLDERS[part]
    return [place] if place.suffix else sorted(place.rglob("*.py"))


def module_of(path: Path) -> str:
    """The name by which a file is imported; a trainer's module has its folder's name before its own."""
    root = LOCALCLOUD / "src" if path.is_relative_to(LOCALCLOUD) else ROOT
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> frozenset[str]:
    """The modules that a file imports, by their full names; `from package import name` gives both."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: imports are written out in full"
            assert node.module is not None
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("part", FORBIDDEN)
def test_a_part_imports_only_what_lies_below_it(part: str) -> None:
    forbidden = FORBIDDEN[part] | PURE.get(part, set())
    sources = files(part)
    assert sources, f"{part} has no files: the rule is about nothing"
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources
        for module in sorted(imports(path))
        if any(is_below(module, package) for package in forbidden)
    ]
    assert wrong == []


UNAWARE = (*PRODUCT, "trainer")
"""The parts that never know where they run."""
PLACES = re.compile(
    r"localcloud|proxy|proxies|127\.0\.0\.1|localhost|is_?local\b|run(s|ning)_locally", re.IGNORECASE
)


def test_the_product_has_no_word_for_the_machine_on_which_it_runs() -> None:
    """Code, comments and messages: what runs on localcloud is what Azure runs."""
    sources = [path for part in UNAWARE for path in files(part)]
    assert len(sources) > 60, "the files were not found"
    found = [
        f"{path.relative_to(ROOT)}, line {number}: {line.strip()}"
        for path in sources
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if PLACES.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["if is_local:", "proxies = {}", 'HOST = "127.0.0.1"', "# as localcloud does", "if self.isLocal():"],
)
def test_a_word_for_the_machine_is_noticed(line: str) -> None:
    assert PLACES.search(line)


def graph() -> dict[str, set[str]]:
    """Every file of the repository by its module's name, and the files that it imports."""
    paths = {module_of(path): path for part in OWN for path in files(part)}
    edges: dict[str, set[str]] = {}
    for name, path in paths.items():
        named = imports(path)
        if name.startswith("trainer."):
            named |= {f"trainer.{module}" for module in named}
        # `from package import module` depends on the module, not on what the package's own file imports.
        packages = {module.rpartition(".")[0] for module in named if module in paths}
        edges[name] = {module for module in named if module in paths} - packages - {name}
    return edges


def test_no_files_import_each_other_in_a_circle() -> None:
    edges = graph()
    assert len(edges) > 200, "the files were not found"
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))
