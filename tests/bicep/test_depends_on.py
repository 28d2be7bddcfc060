"""The order that localcloud finds in a snapshot, compared with dependsOn of the compiled templates.

A snapshot does not tell which resource of the template each of its own is. So each resource of the compiled
template gets its path of symbolic names as a tag, and the compiler evaluates that.
"""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from localcloud.deployments.ordering import ordered

from scripts.bicep_compiler import Compiler
from scripts.bicep_snapshots import cases, local_deployment, place_of, text
from tests.bicep.memory import Memory

MODULE = "Microsoft.Resources/deployments"
USING = re.compile(r"^using '(.*/(\w+)\.bicep)'$", re.MULTILINE)
EVERY_CASE = [*cases(), *local_deployment()]


@dataclass(frozen=True)
class Edge:
    """One item of dependsOn, as paths of symbolic names: main/batch or main/batch/pool."""

    user: str
    needed: str
    is_module: bool
    """Whether the user is a module."""


@dataclass(frozen=True)
class Compiled:
    """A template whose resources have their paths as tags."""

    template: dict[str, Any]
    edges: list[Edge]


@dataclass(frozen=True)
class Placed:
    """A resource in its place. path: of symbolic names; a loop makes several resources of one path."""

    place: int
    path: str
    carries_identity: bool

    @classmethod
    def of(cls, place: int, resource: dict[str, Any]) -> Self:
        return cls(place, resource["tags"]["path"], "identity" in resource)

    def is_in(self, path: str) -> bool:
        return f"{self.path}/".startswith(f"{path}/")


def tag(template: dict[str, Any], path: str) -> Iterator[Edge]:
    for name, resource in template["resources"].items():
        is_module = resource["type"] == MODULE
        for needed in resource.get("dependsOn", []):
            yield Edge(f"{path}/{name}", f"{path}/{needed}", is_module)
        if is_module:
            yield from tag(resource["properties"]["template"], f"{path}/{name}")
        elif not resource.get("existing"):
            resource["tags"] = {"path": f"{path}/{name}"}


@pytest.fixture(scope="module")
def compiled(
    compiler: Compiler, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Compiled]]:
    """The folder of the compiled entry files, and these by name."""
    folder = tmp_path_factory.mktemp("compiled")
    found = {}
    used = {
        match[2]: (case.parent / match[1]).resolve()
        for case in EVERY_CASE
        for match in USING.finditer(case.read_text())
    }
    assert {*used} == {"main", "events", "pipeline"}
    for name, source in used.items():
        template = compiler.build(source).template
        assert template is not None
        found[name] = Compiled(template, [*tag(template, name)])
        (folder / f"{name}.json").write_text(json.dumps(template))
    return folder, found


@dataclass(frozen=True)
class Case:
    """A case in localcloud's order."""

    edges: list[Edge]
    placed: list[Placed]

    def pairs(self, is_module: bool) -> Iterator[tuple[Placed, Placed]]:
        """Each resource with each that it depends on, by dependsOn of itself or of its module."""
        for edge in self.edges:
            if edge.is_module == is_module:
                users = [each for each in self.placed if each.is_in(edge.user)]
                needed = [each for each in self.placed if each.is_in(edge.needed)]
                yield from itertools.product(users, needed)


@pytest.fixture(scope="module", params=EVERY_CASE, ids=lambda case: f"{case.parent.name}-{case.stem}")
def tagged(
    request: pytest.FixtureRequest, compiler: Compiler, compiled: tuple[Path, dict[str, Compiled]]
) -> tuple[Compiled, list[dict[str, Any]]]:
    """The compiled template of a case, and its resources in the order of the committed snapshot."""
    folder, templates = compiled
    file, given = folder / f"{request.param.parent.name}-{request.param.name}", request.param.read_text()
    found = USING.search(given)
    assert found is not None
    file.write_text(USING.sub(r"using '\2.json'", given))
    snapshot = compiler.snapshot(file, place_of(request.param))
    return templates[found[2]], json.loads(text(snapshot))["predictedResources"]


@pytest.fixture(scope="module", params=[1, -1], ids=["as committed", "reversed"])
def case(request: pytest.FixtureRequest, tagged: tuple[Compiled, list[dict[str, Any]]]) -> Case:
    """The order of localcloud must not hang on that of the snapshot."""
    template, resources = tagged
    placed = [
        Placed.of(place, each) for place, each in enumerate(ordered(resources[:: request.param], Memory()))
    ]
    return Case(template.edges, placed)


def test_what_a_resource_depends_on_in_its_own_template_comes_first(case: Case) -> None:
    pairs = [*case.pairs(is_module=False)]
    assert [(user, needed) for user, needed in pairs if user.place < needed.place] == []
    assert case.placed
    assert bool(pairs) == (len(case.placed) > 2), "only main has more than subscriptions or a pipeline"


def test_what_carries_an_identity_comes_after_the_modules_that_its_own_depends_on(case: Case) -> None:
    """Roles above all. What carries an identity in these modules is waited for only where it is named."""
    late = [
        (user, needed)
        for user, needed in case.pairs(is_module=True)
        if user.carries_identity and not needed.carries_identity and user.place < needed.place
    ]
    assert late == []


def test_depends_on_puts_roles_before_the_services_that_need_them(
    compiled: tuple[Path, dict[str, Compiled]],
) -> None:
    _, templates = compiled
    edges = {(edge.user, edge.needed) for edge in templates["main"].edges}
    assert {
        ("main/workspace", "main/rolesOfMachineLearning"),
        ("main/batch", "main/roles"),
        ("main/functionApp", "main/roles"),
        ("main/factory", "main/keys"),
    } <= edges
