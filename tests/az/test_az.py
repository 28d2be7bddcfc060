"""The real az signs in to localcloud, deploys templates, and sees what was made."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobClient
from localcloud.home import SUBSCRIPTION, TENANT, Home
from localcloud.pytest_plugin import LocalCloud
from localcloud.spec import CloudSpec

from scripts.bicep_compiler import MISSING as NO_COMPILER
from scripts.bicep_compiler import find_compiler
from tests.az.command_line import MISSING, PYTHON, Az, AzError

pytestmark = pytest.mark.integration

WHOLE = """
targetScope = 'subscription'
param group string
resource made 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: group
  location: deployment().location
}
module lab 'lab.bicep' = { scope: made, params: { name: 'runner' } }
output client string = lab.outputs.client
output manager string = environment().resourceManager
output uploads string = lab.outputs.uploads
"""
LAB = """
@maxLength(24)
param name string
var uploading = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor
)
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: resourceGroup().location
}
resource account 'Microsoft.Storage/storageAccounts@2025-08-01' = if (name != 'wrong') {
  name: 'st${name}'
  location: resourceGroup().location
  sku: { name: 'Standard_LRS' }
  kind: 'StorageV2'
  properties: { allowSharedKeyAccess: false }
  resource blobs 'blobServices' = {
    name: 'default'
    resource container 'containers' = { name: 'uploads' }
  }
}
resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (name != 'wrong') {
  scope: account
  name: guid(account.id, 'deployer')
  properties: { principalId: deployer().objectId, roleDefinitionId: uploading }
}
resource wrong 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (name == 'wrong') {
  name: guid(name)
  properties: { principalId: identity.properties.principalId, roleDefinitionId: 'nosuch' }
}
output client string = identity.properties.clientId
output uploads string = name == 'wrong' ? '' : '${account!.properties.primaryEndpoints.blob}uploads'
"""


@pytest.fixture(scope="session")
def localcloud_spec() -> Callable[[Home], CloudSpec]:
    return lambda _: CloudSpec()


@pytest.fixture(scope="module")
def compiler() -> Iterator[Path]:
    program = find_compiler()
    if program is None:
        pytest.skip(NO_COMPILER)
    if not PYTHON.exists():
        pytest.skip(MISSING)
    with pytest.MonkeyPatch.context() as patch:
        # The cloud finds it by this variable, and az on its PATH.
        patch.setenv("LOCALCLOUD_BICEP", str(program))
        yield program


@pytest.fixture(scope="module")
def az(compiler: Path, localcloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Az]:
    """az, signed in."""
    az = Az.prepare(tmp_path_factory.mktemp("az"), localcloud.environment(), compiler)
    [account] = az("login", "--identity")
    assert (account["id"], account["tenantId"]) == (SUBSCRIPTION, TENANT)
    assert account["environmentName"] == "localcloud"
    for name, source in {"whole": WHOLE, "lab": LAB}.items():
        (az.folder / f"{name}.bicep").write_text(source)
    yield az
    assert az.refused() == []


def deploy(az: Az, scope: str, name: str, file: str, *more: str) -> dict[str, object]:
    created = az("deployment", scope, "create", "--name", name, "--template-file", file, *more)
    assert created["properties"]["provisioningState"] == "Succeeded"
    return {each: value["value"] for each, value in (created["properties"]["outputs"] or {}).items()}


def test_a_template_is_deployed_twice_and_a_file_is_uploaded_to_what_it_made(
    az: Az, localcloud: LocalCloud
) -> None:
    arguments = ("--location", "westeurope", "--parameters", "group=lab")
    outputs = deploy(az, "sub", "whole", "whole.bicep", *arguments)
    assert outputs["manager"] == f"{localcloud.home.resource_manager}/"
    assert outputs["uploads"] == f"{localcloud.home.storage_url('strunner')}/uploads"
    [group] = az("group", "list")
    assert (group["name"], group["location"]) == ("lab", "westeurope")
    identity = az("identity", "show", "--resource-group", "lab", "--name", "runner")
    assert identity["clientId"] == outputs["client"]
    assert deploy(az, "sub", "whole", "whole.bicep", *arguments) == outputs
    operations = az("deployment", "operation", "sub", "list", "--name", "whole")
    made = [each["properties"]["targetResource"]["resourceType"].rpartition("/")[2] for each in operations]
    assert sorted(made) == [
        *("blobServices", "containers", "resourceGroups", "roleAssignments", "storageAccounts"),
        "userAssignedIdentities",
    ]

    (az.folder / "rows.csv").write_text("a,b\n1,2\n")
    place = ("--account-name", "strunner", "--auth-mode", "login", "--container-name", "uploads")
    az("storage", "blob", "upload", *place, "--name", "in/rows.csv", "--file", "rows.csv", "--no-progress")
    home = localcloud.home
    with BlobClient.from_blob_url(
        f"{outputs['uploads']}/in/rows.csv",
        localcloud.credential(),
        proxies=home.proxies,
        connection_verify=str(home.ca_bundle),
    ) as blob:
        assert blob.download_blob().readall() == b"a,b\n1,2\n"


def test_a_template_of_a_group_that_fails_says_why(az: Az) -> None:
    if not az("group", "exists", "--name", "lab"):
        az("group", "create", "--name", "lab", "--location", "westeurope")
    in_lab = ("--resource-group", "lab", "--parameters")
    with pytest.raises(AzError, match="InvalidRoleDefinitionId") as failed:
        deploy(az, "group", "lab", "lab.bicep", *in_lab, "name=wrong")
    assert "/providers/Microsoft.Authorization/roleAssignments/" in str(failed.value)
    with pytest.raises(AzError, match="InvalidTemplate") as refused:
        deploy(az, "group", "lab", "lab.bicep", *in_lab, f"name={'x' * 25}")
    assert "24" in str(refused.value)
