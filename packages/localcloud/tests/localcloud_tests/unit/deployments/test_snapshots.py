"""Snapshots: read, and handed out resource by resource."""

import re
from typing import Any

import pytest
from localcloud.deployments.ordering import SnapshotError
from localcloud.deployments.snapshots import PartialSnapshotError, Snapshot, outputs, turns

from localcloud_tests.unit.deployments.memory import GROUP, Memory

IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id"
PRINCIPAL = f"[reference('{IDENTITY}', '1').principalId]"


def document() -> dict[str, Any]:
    fields = {"type": "Microsoft.Any/things", "name": "a", "apiVersion": "1"}
    user = {**fields, "id": f"{GROUP}/providers/Microsoft.Any/things/a", "properties": {"of": PRINCIPAL}}
    return {
        "predictedResources": [user, {**fields, "id": IDENTITY}],
        "outputs": {"PRINCIPAL": PRINCIPAL, "NAME": "a"},
        "diagnostics": [],
    }


def test_a_resource_is_evaluated_when_those_before_it_are_deployed() -> None:
    deployment = Memory()
    resources = turns(Snapshot.read(document()), deployment)
    assert next(resources)["id"] == IDENTITY
    deployment.properties[IDENTITY] = {"principalId": "p"}
    assert next(resources)["properties"] == {"of": "p"}
    assert [*resources] == []


def test_a_snapshot_of_a_template_that_was_not_read_whole_is_refused() -> None:
    """The words are those of the compiler 0.49 for a nested deployment with a templateLink."""
    nested = f"{GROUP}/providers/Microsoft.Resources/deployments/n"
    said = f"{nested} Warning NestedDeploymentShortCircuited: The nested deployment could not be expanded."
    with pytest.raises(PartialSnapshotError, match=re.escape(said)):
        Snapshot.read(document() | {"diagnostics": [said]})
    harmless = f"{nested} Warning SomethingElse: It was ShortCircuited: no."
    assert len(Snapshot.read(document() | {"diagnostics": [harmless]}).resources) == 2


def test_outputs_are_evaluated_too() -> None:
    deployment = Memory(properties={IDENTITY: {"principalId": "p"}})
    assert outputs(Snapshot.read(document()), deployment) == {"PRINCIPAL": "p", "NAME": "a"}
    assert outputs(Snapshot.read({"predictedResources": []}), deployment) == {}


def test_the_snapshot_stays_as_it_is() -> None:
    deployment = Memory(properties={IDENTITY: {"principalId": "p"}})
    given = document()
    assert len([*turns(Snapshot.read(given), deployment)]) == 2
    assert given == document()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "no array predictedResources"),
        ({"resources": []}, "no array predictedResources"),
        (
            {"predictedResources": [{"id": "a", "type": "b"}]},
            "Resource 0 of the snapshot has no name and no apiVersion",
        ),
        ({"predictedResources": ["a"]}, "Resource 0 of the snapshot has no id"),
    ],
)
def test_what_is_no_snapshot_is_refused(given: Any, says: str) -> None:
    with pytest.raises(SnapshotError, match=says):
        Snapshot.read(given)
