"""Services hold no rights of their own: only a few modules work as the platform, which needs no role."""

import ast
from pathlib import Path

import localcloud

SOURCE = Path(localcloud.__file__).parent
ALLOWED = {
    "PLATFORM": {
        "identities.py": "defines it",
        "principals.py": "knows it by its object id",
        "service.py": "defines blobs_of",
        "storage/publishing.py": "tells storage who it is",
        "machinelearning/acting.py": "defines as_platform",
    },
    "blobs_of": {
        "service.py": "defines it",
        "storage/containers.py": "makes the containers of Resource Manager",
        "eventgrid/api.py": "hands it to the feed",
        "eventgrid/feed.py": "reads what its events tell",
    },
    "as_platform": {
        "machinelearning/acting.py": "defines it",
        "machinelearning/__init__.py": "makes the containers of a workspace",
    },
}
"""By name, the modules that may use it, and for what."""


def names(file: Path) -> set[str]:
    """Every name that a module defines, imports, reads or passes, private ones without their underscore."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name):
                found.add(name)
    return {each.lstrip("_") for each in found}


def test_only_containers_and_the_feed_are_the_platforms_own() -> None:
    used: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for file in SOURCE.rglob("*.py"):
        for name in names(file) & ALLOWED.keys():
            used[name].add(file.relative_to(SOURCE).as_posix())
    assert used == {name: {*modules} for name, modules in ALLOWED.items()}
