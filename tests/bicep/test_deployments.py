"""What localcloud makes of the committed snapshots: their order, and the values of what is left open.

No compiler is needed.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from localcloud.deployments.evaluation import Evaluator
from localcloud.deployments.snapshots import Snapshot, outputs, turns
from localcloud.deployments.syntax import Call, Member, Node, is_expression, parse

from scripts.bicep_snapshots import cases, local_deployment, place_of, snapshot_of
from tests.bicep.memory import DEPLOYER, Memory
from touchdown.local.snapshots import MAIN, TRAINER_HASH, filled

EVERY_CASE = [*cases(), *local_deployment()]
each_case = pytest.mark.parametrize("case", EVERY_CASE, ids=lambda case: f"{case.parent.name}-{case.stem}")
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RESOURCE_ID = re.compile(r"/subscriptions/[-\w.()/]+")


def first_of(case: Path) -> Path | None:
    """The case of main.bicep that is deployed before one of another template."""
    first = case.with_stem("defaults" if case in cases() else MAIN)
    return first if case.stem in ("events", "pipeline") else None


@cache
def snapshot(case: Path) -> Snapshot:
    """The snapshot of a case, with the values that the deployment before it has for its names in braces."""
    document, first = json.loads(snapshot_of(case).read_text()), first_of(case)
    if first is not None:
        values = outputs(snapshot(first), deployed(first))
        known = {name: str(each) for name, each in values.items()}
        document = filled(document, {**known, TRAINER_HASH: "0123456789abcdef" * 4})
    return Snapshot.read(document)


@cache
def deployed(case: Path) -> Memory:
    """A deployment of a whole case, after the one that it needs."""
    memory, first = Memory(subscription=place_of(case).subscription), first_of(case)
    for each in [first, case] if first else [case]:
        for resource in turns(snapshot(each), memory):
            memory.put(resource)
    return memory


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in (
        [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from texts(each)


def calls(node: Node) -> Iterator[str]:
    """The names of the functions of an expression."""
    if isinstance(node, Call):
        yield node.name
    children = (
        node.arguments
        if isinstance(node, Call)
        else (node.target, node.key)
        if isinstance(node, Member)
        else ()
    )
    for each in children:
        yield from calls(each)


def before(case: Path) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """Each resource, and the ids of those that were deployed before it."""
    known: set[str] = set()
    for id_, resource in deployed(case).deployed.items():
        yield resource, {*known}
        known.add(id_)


def test_each_function_that_is_left_in_a_snapshot_is_known() -> None:
    left = {
        name.lower()
        for case in EVERY_CASE
        for text in texts(json.loads(snapshot_of(case).read_text()))
        if is_expression(text)
        for name in calls(parse(text))
    }
    assert left - Evaluator(Memory()).functions == set()
    assert {"reference", "listkeys", "deployer", "lambda"} <= left


@each_case
def test_no_text_in_brackets_is_mistaken(case: Path) -> None:
    """A snapshot does not tell a text `[f()]` from an expression, so it should have none."""
    bracketed = {text for text in texts(json.loads(snapshot_of(case).read_text())) if text.startswith("[")}
    assert [text for text in bracketed if not is_expression(text)] == []


@each_case
def test_a_whole_snapshot_is_deployed_and_no_expression_is_left(case: Path) -> None:
    memory = deployed(case)
    assert {*memory.deployed} >= {
        each["id"].lower() for each in snapshot(case).resources if each["id"][0] == "/"
    }
    assert len(memory.deployed) >= len(snapshot(case).resources)
    left = [
        text
        for text in texts([*memory.deployed.values(), outputs(snapshot(case), memory)])
        if text[:1] == "["
    ]
    assert left == []


@each_case
def test_each_role_is_assigned_to_a_principal_that_exists(case: Path) -> None:
    memory = deployed(case)
    files = [each for each in (first_of(case), case) if each]
    given = {id_.lower() for each in files for id_ in re.findall(r"'([-0-9a-fA-F]{36})'", each.read_text())}
    identities = [
        each for each in memory.deployed.values() if each["type"].endswith("/userAssignedIdentities")
    ]
    principals = {
        memory.reference(each["id"], each["apiVersion"], False)["principalId"] for each in identities
    }
    assigned = [each for each in memory.deployed.values() if each["type"].endswith("/roleAssignments")]
    assert {each["properties"]["principalId"] for each in assigned} <= principals | given | {DEPLOYER}
    for each in assigned:
        assert GUID.fullmatch(each["name"])
        assert each["id"].endswith(f"/providers/Microsoft.Authorization/roleAssignments/{each['name']}")
    assert assigned


@each_case
def test_the_id_of_a_resource_ends_with_its_name(case: Path) -> None:
    for id_, resource in deployed(case).deployed.items():
        pairs = id_.rpartition("/providers/")[2].split("/")[1:]
        if resource["type"] != "Microsoft.Resources/resourceGroups":
            assert "/".join(pairs[1::2]) == resource["name"].lower()


@each_case
def test_parents_and_scopes_come_first(case: Path) -> None:
    everything = {*deployed(case).deployed}
    for resource, known in before(case):
        parts = resource["id"].lower().split("/")
        above = {"/".join(parts[:count]) for count in range(2, len(parts))}
        assert above & everything <= known, resource["id"]


@each_case
def test_what_a_resource_names_comes_first(case: Path) -> None:
    everything = {*deployed(case).deployed}
    for resource, known in before(case):
        named = {each for text in texts(resource) for each in RESOURCE_ID.findall(text.lower())}
        assert (named & everything) - {resource["id"].lower()} <= known, resource["id"]


@each_case
def test_what_a_resource_of_a_data_factory_refers_to_comes_first(case: Path) -> None:
    found = 0
    for resource, known in before(case):
        if not resource["type"].startswith("Microsoft.DataFactory/factories/"):
            continue
        factory = "/".join(resource["id"].lower().split("/")[:9])
        referred = re.findall(r'"referenceName": "([^"]+)", "type": "(\w+)Reference"', json.dumps(resource))
        found += len(referred)
        assert {f"{factory}/{kind}s/{name}".lower() for name, kind in referred} <= known
    assert found


def principals(memory: Memory, resource: dict[str, Any]) -> set[str]:
    """The principals whose identities a resource carries."""
    carried = [each.lower() for each in resource.get("identity", {}).get("userAssignedIdentities", {})]
    versions = {each: memory.deployed[each]["apiVersion"] for each in carried}
    return {memory.reference(each, version, False)["principalId"] for each, version in versions.items()}


@each_case
def test_what_carries_an_identity_comes_after_its_roles_on_what_is_there_by_then(case: Path) -> None:
    memory = deployed(case)
    roles = [each for each in memory.deployed.values() if each["type"].endswith("/roleAssignments")]
    places = {id_: place for place, id_ in enumerate(memory.deployed)}
    late = [
        (resource["id"], role["id"])
        for resource in memory.deployed.values()
        for role in roles
        if role["properties"]["principalId"] in principals(memory, resource)
        and places[resource["id"].lower()] < places[role["id"].lower()]
        and places[role["id"].lower().rpartition("/providers/")[0]] < places[resource["id"].lower()]
    ]
    assert late == []
