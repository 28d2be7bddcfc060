"""What the switches of roles, cluster, pool and image builds deploy, as the compiler evaluated it.

The snapshots are committed, and tests/bicep/test_snapshots.py keeps them up to date: this needs no compiler.
"""

import functools
import json
import re
from typing import Any

import pytest
from localcloud.access.built_in import built_in
from localcloud.access.definitions import role_id

from scripts.assigned_roles import DEFINITION, own_name
from tests.unit.bicep.source import ROOT

CASES = sorted(file.name.partition(".")[0] for file in (ROOT / "tests" / "bicep").glob("*.snapshot.json"))
REGISTRY, DATA, BATCH = "registries/cr", "storageAccounts/stdata", "batchAccounts/ba"
RUNS, LOGS = "containers/azureml-blobstore", "containers/azureml"
COORDINATION = {
    ("Storage Table Data Contributor", DATA),
    ("Storage Queue Data Contributor", DATA),
    ("Storage File Data Privileged Contributor", DATA),
}
"""What a batch deployment needs beside blobs."""
PROVEN = {
    "training": {("Touchdown blob owner", DATA), ("Azure Batch Account Contributor", BATCH)},
    "scoring": {("Touchdown container maker", DATA), *COORDINATION},
}
NARROW = {
    "training": {("Touchdown container maker", DATA), ("Azure Batch Data Contributor", BATCH)},
    "scoring": {
        ("Touchdown blob writer", RUNS),
        ("Touchdown blob writer", LOGS),
        *COORDINATION,
    },
}


@functools.cache
def resources(case: str) -> list[dict[str, Any]]:
    content = json.loads((ROOT / "tests" / "bicep" / f"{case}.snapshot.json").read_text())
    found: list[dict[str, Any]] = content["predictedResources"]
    return found


def of_type(case: str, kind: str) -> list[dict[str, Any]]:
    return [each for each in resources(case) if each["type"] == kind]


def scope(assignment: dict[str, Any]) -> str:
    """Type and name of the resource that the assignment is on, without what is unique to an environment."""
    given = re.match(r"\[guid\('([^']+)', ", assignment["name"])
    if given is None:
        assert "azureml-blobstore-" in assignment["name"]
        return RUNS
    kind, name = given[1].split("/")[-2:]
    return f"{kind}/{name}" if kind == "containers" else f"{kind}/{re.sub(r'-?[a-z0-9]{13}$', '', name)}"


def built_in_name(definition: str) -> str:
    role = built_in(role_id(definition))
    assert role, f"{definition} is no role of Azure's own"
    return role.name


def assigned(case: str, identity: str) -> set[tuple[str, str]]:
    """The roles of an identity, each with its scope; without those on secrets."""
    own = {each["name"]: own_name(each) for each in of_type(case, DEFINITION)}
    found = [
        (own.get(id_) or built_in_name(id_), scope(each))
        for each in of_type(case, "Microsoft.Authorization/roleAssignments")
        if f"userAssignedIdentities/id-{identity}-" in each["properties"]["principalId"]
        and (id_ := role_id(each["properties"]["roleDefinitionId"]))
        and "/secrets/" not in each["name"]
    ]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(
    ("case", "wanted", "registry"),
    [
        ("defaults", PROVEN, "AcrPull"),
        ("key-vault", PROVEN, "AcrPull"),
        ("image-build", PROVEN, "AcrPush"),
        ("narrow", NARROW, "AcrPull"),
        ("everything", NARROW, "AcrPull"),
    ],
)
def test_the_broad_and_the_narrow_roles_stand_in_place_of_each_other(
    case: str, wanted: dict[str, set[tuple[str, str]]], registry: str
) -> None:
    assert assigned(case, "training") == wanted["training"]
    assert assigned(case, "scoring") == wanted["scoring"] | {(registry, REGISTRY)}


def test_the_workspaces_identity_may_coordinate_a_scoring_job_too() -> None:
    assert assigned("defaults", "workspace") >= COORDINATION


@pytest.mark.parametrize(
    ("case", "cluster", "builds"),
    [
        ("defaults", None, None),
        ("image-build", "cpu-cluster", "cpu-cluster"),
        ("everything", "scoring", "builder"),
    ],
)
def test_the_cluster_is_left_to_the_app_unless_it_is_asked_for(
    case: str, cluster: str | None, builds: str | None
) -> None:
    made = of_type(case, "Microsoft.MachineLearningServices/workspaces/computes")
    assert [each["id"].rpartition("/")[2] for each in made] == ([cluster] if cluster else [])
    (workspace,) = of_type(case, "Microsoft.MachineLearningServices/workspaces")
    assert workspace["properties"].get("imageBuildCompute") == builds


@pytest.mark.parametrize(("case", "pools"), [("defaults", 1), ("narrow", 0)])
def test_the_pool_is_left_as_it_is_if_that_is_asked_for(case: str, pools: int) -> None:
    assert len(of_type(case, "Microsoft.Batch/batchAccounts/pools")) == pools


@pytest.mark.parametrize("case", [case for case in CASES if case != "events"])
def test_what_is_overwritten_or_deleted_can_be_restored_and_does_not_pile_up(case: str) -> None:
    services = {
        re.sub(r".{13}$", "", each["id"].split("/")[-3]): each["properties"]
        for each in of_type(case, "Microsoft.Storage/storageAccounts/blobServices")
    }
    for each in services.values():
        assert each["deleteRetentionPolicy"] == {"days": 7, "enabled": True}
        assert each["containerDeleteRetentionPolicy"] == {"days": 7, "enabled": True}
    assert services["stdata"]["isVersioningEnabled"] is True
    rules = [
        rule["definition"]
        for each in of_type(case, "Microsoft.Storage/storageAccounts/managementPolicies")
        if "/stdata" in each["id"]
        for rule in each["properties"]["policy"]["rules"]
        if rule["enabled"]
    ]
    (versions,) = [each for each in rules if "version" in each["actions"]]
    assert versions["filters"] == {"blobTypes": ["blockBlob", "appendBlob"]}
    assert versions["actions"]["version"]["delete"]["daysAfterCreationGreaterThan"] >= 30
