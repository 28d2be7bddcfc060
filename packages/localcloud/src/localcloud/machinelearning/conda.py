"""The conda file of a model: the Python, the conda packages and the requirements for pip of its environment.

Sources: "Create environment manually" and "Package match specifications" of conda's documentation;
"Troubleshoot environment images" of Azure ML, which asks for dependencies and exactly one Python.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from localcloud.wire import not_imitated

SPECIFICATION = re.compile(r"(?:[\w./-]+::)?(?P<name>[\w.-]+)\s*(?P<version>[\s=<>!~\d].*)?")
TOOLS = ("pip", "setuptools", "wheel")
"""What installs packages: another tool may have done that, and left them out."""
CONTAINED_IN = {"mlflow": "mlflow-skinny"}
"""mlflow requires mlflow-skinny in its own version. Models are saved and loaded with that part."""


class CondaFileError(Exception):
    """The text defines no environment; the message says why."""


@dataclass(frozen=True)
class Installed:
    """What an environment has: the version of its Python, and of its distributions by normalized name."""

    python: str
    distributions: dict[str, str]


@dataclass(frozen=True)
class CondaFile:
    """An environment as its author asks for it. packages: those of conda, without Python itself."""

    python: SpecifierSet
    packages: dict[str, SpecifierSet]
    requirements: list[Requirement]

    def lacks(self, installed: Installed) -> list[str]:
        """What is asked for that `installed` does not have, each with what it has."""
        lacking = []
        if not self.python.contains(installed.python):
            lacking.append(f"python{self.python} (it has {installed.python})")
        asked = [(name, name, specifiers) for name, specifiers in self.packages.items()]
        asked += [(str(each), each.name, each.specifier) for each in self._applicable(installed)]
        for text, name, specifiers in asked:
            found = _version(name, installed)
            if found is None and name in TOOLS:
                continue
            if found is None or not specifiers.contains(found, prereleases=True):
                wanted = f"{name}{specifiers}" if text == name else text
                lacking.append(f"{wanted} (it has {found or 'none'})")
        return lacking

    def _applicable(self, installed: Installed) -> list[Requirement]:
        place = {"python_version": ".".join(installed.python.split(".")[:2]), "sys_platform": "linux"}
        place |= {"python_full_version": installed.python, "platform_system": "Linux", "os_name": "posix"}
        return [each for each in self.requirements if each.marker is None or each.marker.evaluate(place)]


def parse(text: str) -> CondaFile:
    """Read a conda file.

    Raises CondaFileError if it defines no environment, AzureError 501 for alternatives.
    """
    try:
        described = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CondaFileError(f"it is not YAML: {error}") from None
    dependencies = described.get("dependencies") if isinstance(described, dict) else None
    if not isinstance(dependencies, list) or not dependencies:
        raise CondaFileError("it lists no dependencies")
    pythons: list[SpecifierSet] = []
    packages: dict[str, SpecifierSet] = {}
    requirements: list[Requirement] = []
    for each in dependencies:
        if isinstance(each, dict) and list(each) == ["pip"]:
            requirements += _requirements(each["pip"])
            continue
        name, specifiers = _package(each)
        if name == "python":
            pythons.append(specifiers)
        else:
            packages[name] = specifiers
    if len(pythons) != 1 or not len(pythons[0]):
        raise CondaFileError("it has to name one version of python")
    return CondaFile(pythons[0], packages, requirements)


def _package(dependency: Any) -> tuple[str, SpecifierSet]:
    found = SPECIFICATION.fullmatch(dependency.strip()) if isinstance(dependency, str) else None
    if found is None:
        raise CondaFileError(f"its dependency {dependency!r} is no conda package")
    if "|" in dependency:
        raise not_imitated(f"alternatives in a conda file ('{dependency}')")
    try:
        return found["name"].lower(), SpecifierSet(_pep_440((found["version"] or "").strip()))
    except InvalidSpecifier:
        raise CondaFileError(f"its dependency '{dependency}' has no version of a conda package") from None


def _pep_440(version: str) -> str:
    """A version of conda, which may have a build behind it, as pip writes it: =3.11 becomes ==3.11.*"""
    fuzzy = re.fullmatch(r"=\s*([^=\s]+?)(\.?\*)?", version)
    if fuzzy:
        return f"=={fuzzy[1]}.*"
    exact = re.fullmatch(r"={0,2}\s*([\w.!+]+)([=\s]+\S+)?", version)
    return f"=={exact[1]}" if exact else version


def _requirements(listed: Any) -> list[Requirement]:
    """Requirements for pip, without its options. Raises CondaFileError for one that pip could not read."""
    found = []
    for each in listed if isinstance(listed, list) else [listed] if listed else []:
        if isinstance(each, str) and each.strip().startswith("-"):
            continue
        try:
            found.append(Requirement(each if isinstance(each, str) else ""))
        except InvalidRequirement as error:
            raise CondaFileError(f"its requirement {each!r} is none of pip's: {error}") from None
    return found


def _version(name: str, installed: Installed) -> str | None:
    known = canonicalize_name(name)
    part = CONTAINED_IN.get(known, known)
    return installed.distributions.get(known) or installed.distributions.get(part)
