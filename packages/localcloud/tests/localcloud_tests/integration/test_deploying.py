"""Deploying a snapshot to a running cloud, by the command line and from Python."""

import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from localcloud import deploying
from localcloud.cli.app import app
from localcloud.controls import RefusedControlError
from localcloud.credentials import Principal
from localcloud.home import Home
from typer.testing import CliRunner, Result

from localcloud_tests.resources import GROUP_ID, RESOURCE_GROUP

pytestmark = pytest.mark.integration

IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"


def identity(name: str) -> dict[str, Any]:
    return {
        "id": f"{GROUP_ID}/providers/{IDENTITY}/{name}",
        "type": IDENTITY,
        "name": name,
        "apiVersion": "2024-11-30",
        "location": "localcloud",
    }


def assignment(name: str, role: str) -> dict[str, Any]:
    properties = {"principalId": "10ca1c10-0d00-4000-8000-0000000000dd", "roleDefinitionId": role}
    return {
        "id": f"{GROUP_ID}/providers/{ASSIGNMENT}/{name}",
        "type": ASSIGNMENT,
        "name": name,
        "apiVersion": "2022-04-01",
        "properties": properties,
    }


def snapshot(*resources: dict[str, Any], **outputs: Any) -> dict[str, Any]:
    return {"predictedResources": list(resources), "outputs": outputs}


def run(home: Home, file: Path, *arguments: str) -> Result:
    command = ["deploy", str(file), "--home", str(home.root), "-g", RESOURCE_GROUP, *arguments]
    return CliRunner().invoke(app, command)


def test_a_snapshot_is_deployed_by_the_command_line(cloud_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "one.snapshot.json"
    file.write_text(json.dumps(snapshot(identity("by-command"), where="[environment().resourceManager]")))
    result = run(cloud_home, file)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"made    {IDENTITY} by-command\n"
    ended = json.loads(run(cloud_home, file, "--json", "--name", "again").stdout)
    assert ended["outputs"]["where"]["value"] == f"{cloud_home.resource_manager}/"


def test_a_failure_names_the_resource_and_quotes_its_error(cloud_home: Home, tmp_path: Path) -> None:
    refused = assignment("10ca1c10-0d00-4000-8000-0000000000de", "nosuch")
    file = tmp_path / "two.snapshot.json"
    file.write_text(json.dumps(snapshot(identity("by-failure"), refused)))
    result = run(cloud_home, file)
    assert result.exit_code == 1
    assert "the deployment 'two' failed" in result.stderr
    assert f"{refused['id']}: InvalidRoleDefinitionId" in result.stderr.replace("\n", "")
    assert "What was made stays" in result.stderr
    assert f"REFUSED {ASSIGNMENT}" in result.stdout


def test_what_is_no_snapshot_is_wrong_usage(cloud_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "three.json"
    file.write_text("{}")
    result = run(cloud_home, file)
    assert (result.exit_code, "bicep snapshot" in result.stderr) == (2, True)
    file.write_text("{")
    assert run(cloud_home, file).exit_code == 2


def test_python_sees_each_resource_once_and_gets_the_outputs(cloud_home: Home) -> None:
    seen: list[str] = []
    ended = deploying.deploy(
        cloud_home,
        snapshot(identity("first"), identity("second"), number=3),
        name="by-python",
        group=RESOURCE_GROUP,
        seen=lambda each: seen.append(each["properties"]["targetResource"]["resourceName"]),
    )
    assert seen == ["first", "second"]
    assert ended["outputs"] == {"number": {"type": "Int", "value": 3}}


def test_it_is_known_whether_a_snapshot_is_what_was_deployed_last(cloud_home: Home) -> None:
    first, second = snapshot(identity("known"), number=1), snapshot(identity("known"), number=2)
    to: dict[str, Any] = {"name": "known", "group": RESOURCE_GROUP}
    assert deploying.deployed(cloud_home, first, **to) is None
    ended = deploying.deploy(cloud_home, first, **to)
    assert deploying.deployed(cloud_home, first, **to) == ended
    assert deploying.deployed(cloud_home, second, **to) is None
    refused = snapshot(assignment("10ca1c10-0d00-4000-8000-0000000000df", "nosuch"))
    with pytest.raises(deploying.DeploymentFailedError):
        deploying.deploy(cloud_home, refused, **to)
    assert deploying.deployed(cloud_home, refused, **to) is None
    assert deploying.deployed(cloud_home, first, name="known", group="nosuch") is None


def test_a_group_that_is_not_there_is_refused(cloud_home: Home) -> None:
    with pytest.raises(RefusedControlError, match="'nosuch' could not be found"):
        deploying.deploy(cloud_home, snapshot(identity("a")), name="nowhere", group="nosuch")


def test_a_deployment_of_which_something_was_deleted_is_made_again(cloud_home: Home) -> None:
    everything = snapshot(identity("stays"), identity("goes"))
    to: dict[str, Any] = {"name": "deleted", "group": RESOURCE_GROUP}
    deploying.deploy(cloud_home, everything, **to)
    assert delete(cloud_home, everything["predictedResources"][1]).status_code == 200
    assert deploying.deployed(cloud_home, everything, **to) is None
    ended = deploying.deploy(cloud_home, everything, **to)
    assert [each["id"] for each in ended["outputResources"]] == [
        each["id"] for each in everything["predictedResources"]
    ]
    assert deploying.deployed(cloud_home, everything, **to) == ended


def delete(home: Home, resource: dict[str, Any]) -> httpx.Response:
    token = Principal(home, "person").get_token(home.resource_manager).token
    return httpx.delete(
        f"{home.resource_manager}{resource['id']}",
        params={"api-version": resource["apiVersion"]},
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=home.ca_bundle),
        proxy=home.proxy,
    )
