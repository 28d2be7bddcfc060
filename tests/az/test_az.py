"""The real az signs in to localcloud, and deploys templates: small ones, and all of Touchdown by its script.

One cloud and one sign-in serve all tests: a command of az takes a second or more of a core.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from localcloud.home import SUBSCRIPTION, TENANT
from localcloud.pytest_plugin import LocalCloud
from localcloud.spec import CloudSpec

from runs import naming
from scripts.bicep_compiler import find_compiler
from tests.az.command_line import Az, AzError, compiler_of_az
from tests.checkout import CHECKOUT
from touchdown import local
from touchdown.client import ML_API_VERSION, Client
from touchdown.target import Target

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

GROUP = "rg-touchdown"
"""The group of the script; localcloud has one at a time."""
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
def localcloud_spec() -> CloudSpec:
    return local.spec(CHECKOUT)


@pytest.fixture(scope="module")
def compiler() -> Iterator[Path]:
    program = compiler_of_az(find_compiler())
    with pytest.MonkeyPatch.context() as patch:
        # The cloud finds it by this variable, and az on its PATH.
        patch.setenv("LOCALCLOUD_BICEP", str(program))
        yield program


@pytest.fixture(scope="module")
def az(compiler: Path, localcloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Az]:
    """az, signed in."""
    folder, home = tmp_path_factory.mktemp("az"), localcloud.home.root
    az = Az.prepare(folder, localcloud.environment(), compiler, home)
    [account] = az("login", "--identity")
    assert (account["id"], account["tenantId"]) == (SUBSCRIPTION, TENANT)
    assert account["environmentName"] == "localcloud"
    for name, source in {"whole": WHOLE, "lab": LAB}.items():
        (az.folder / f"{name}.bicep").write_text(source)
    subprocess.run([compiler, "build", "lab.bicep"], cwd=az.folder, env=dict(az.variables), check=True)
    yield az
    assert az.refused() == []


def deploy(az: Az, scope: str, name: str, file: str, *more: str) -> dict[str, object]:
    created = az("deployment", scope, "create", "--name", name, "--template-file", file, *more)
    assert created["properties"]["provisioningState"] == "Succeeded"
    return {each: value["value"] for each, value in (created["properties"]["outputs"] or {}).items()}


def test_a_template_that_is_deployed_twice_changes_nothing(az: Az, localcloud: LocalCloud) -> None:
    arguments = ("--location", "westeurope", "--parameters", f"group={GROUP}")
    outputs = deploy(az, "sub", "whole", "whole.bicep", *arguments)
    assert outputs["manager"] == f"{localcloud.home.resource_manager}/"
    assert outputs["uploads"] == f"{localcloud.home.storage_url('strunner')}/uploads"
    [group] = az("group", "list")
    assert (group["name"], group["location"]) == (GROUP, "westeurope")
    identity = az("identity", "show", "--resource-group", GROUP, "--name", "runner")
    assert identity["clientId"] == outputs["client"]
    assert deploy(az, "sub", "whole", "whole.bicep", *arguments) == outputs
    operations = az("deployment", "operation", "sub", "list", "--name", "whole")
    made = [each["properties"]["targetResource"]["resourceType"].rpartition("/")[2] for each in operations]
    assert sorted(made) == [
        *("blobServices", "containers", "resourceGroups", "roleAssignments", "storageAccounts"),
        "userAssignedIdentities",
    ]


def test_what_azure_or_localcloud_refuses_is_told_in_its_words(az: Az) -> None:
    az("group", "create", "--name", GROUP, "--location", "westeurope")
    in_group = ("--resource-group", GROUP, "--parameters")
    with pytest.raises(AzError, match="InvalidRoleDefinitionId") as failed:
        deploy(az, "group", "lab", "lab.json", *in_group, "name=wrong")
    assert "/providers/Microsoft.Authorization/roleAssignments/" in str(failed.value)
    with pytest.raises(AzError, match="InvalidTemplate") as refused:
        deploy(az, "group", "lab", "lab.json", *in_group, f"name={'x' * 25}")
    assert "24" in str(refused.value)
    with pytest.raises(AzError, match="localcloud does not imitate what-if") as lacking:
        az("deployment", "group", "what-if", "--template-file", "lab.json", *in_group, "name=runner")
    assert "Traceback" not in str(lacking.value)


QUICK = {"runFirst": "1", "runCap": "2", "operationFirst": "0.1", "operationCap": "0.5"}
ROWS = [
    f"{number % 7 + 10 * (number % 2)}.{number:03},{number % 5},{'ab'[number % 2]}" for number in range(120)
]


@pytest.fixture(scope="module")
def outputs(az: Az) -> dict[str, str]:
    """The outputs of all of Touchdown, deployed by its script."""
    told = az.script(
        *("scripts/deploy.sh", "--location", "West Europe"),
        *("--", f"pollingSeconds={json.dumps(QUICK)}"),
    )
    for step in ("Publish the code to func-", "Wait for the functions", "Subscribe them to events", "Done"):
        assert f"\n== {step}" in told, told
    deployed = az("deployment", "sub", "show", "--name", "touchdown")
    return {name.upper(): output["value"] for name, output in deployed["properties"]["outputs"].items()}


def test_a_csv_that_az_uploads_becomes_a_served_model(
    az: Az, localcloud: LocalCloud, outputs: dict[str, str]
) -> None:
    dataset = az.folder / "flowers.csv"
    dataset.write_text("\n".join(["width,height,kind", *ROWS, ""]))
    path = naming.dataset_path(dataset.name)
    uploaded = az(
        *("storage", "blob", "upload", "--account-name", outputs["STORAGE_ACCOUNT"], "--auth-mode", "login"),
        *("--container-name", outputs["CONTAINER"], "--name", path, "--file", str(dataset), "--no-progress"),
    )
    with Client(target(localcloud, outputs)) as client:
        run = client.wait(naming.run_id(outputs["CONTAINER"], path, uploaded["etag"].strip('"')), limit=180)
        assert (run["status"], run["outcome"]) == ("Succeeded", "promoted"), run["error"]
        assert run["predictions"] == [row[-1] for row in ROWS[:5]]
        url = f"{client.target.workspace_path}/batchEndpoints/{run['endpoint']}?api-version={ML_API_VERSION}"
        served = az("rest", "--method", "get", "--url", url)
    assert served["properties"]["defaults"] == {"deploymentName": run["deployment"]}


def test_the_hook_before_a_deployment_changes_the_modes_of_the_batch_account(
    az: Az, outputs: dict[str, str]
) -> None:
    settings = {
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        "AZURE_ENV_NAME": "touchdown",
        "AZURE_RESOURCE_GROUP": outputs["AZURE_RESOURCE_GROUP"],
        "BATCH_AUTHENTICATION": "KeyVault",
    }
    told = az.script(
        *("env", *(f"{name}={value}" for name, value in settings.items())),
        "scripts/hooks/preprovision.sh",
    )
    assert told.rstrip().endswith("== Change them from AAD to AAD SharedKey"), told


def test_the_script_deletes_everything_and_frees_the_names(az: Az, outputs: dict[str, str]) -> None:
    group = outputs["AZURE_RESOURCE_GROUP"]
    told = az.script("scripts/teardown.sh", given=f"{group}\n")
    assert f"Microsoft.MachineLearningServices/workspaces{' ' * 2}" in told, told
    assert told.rstrip().endswith("== Done"), told
    assert az("group", "list") == []
    assert az("keyvault", "list-deleted", "--resource-type", "vault") == []


def target(localcloud: LocalCloud, outputs: dict[str, str]) -> Target:
    """Touchdown as the outputs of its deployment name it."""
    home = localcloud.home
    return Target(
        api=outputs["API_URL"].removesuffix("/api"),
        function_key=localcloud.function_key,
        blob_url=outputs["STORAGE_URL"],
        container=outputs["CONTAINER"],
        resource_manager=home.resource_manager,
        subscription=SUBSCRIPTION,
        resource_group=outputs["AZURE_RESOURCE_GROUP"],
        workspace=outputs["WORKSPACE"],
        datastore="workspaceblobstore",
        credential=localcloud.credential(),
        verify=str(home.ca_bundle),
        proxy=home.proxy,
    )
