"""Claims about the app settings: the app gets each one that its code or its platform reads, and no other."""

from collections.abc import Iterator
from typing import Any

from runs.run_settings import RUN_SETTINGS
from runs.settings import APP_SETTINGS
from tests.bicep.deployed import Deployed

HOST = "[Microsoft.Storage/storageAccounts/sthost.primaryEndpoints.{0}]"
CLIENT_ID = "[Microsoft.ManagedIdentity/userAssignedIdentities/id-app-.clientId]"
PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": (
        f"[format('ClientId={{0}};Authorization=AAD', {CLIENT_ID.strip('[]')})]"
    ),
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "[Microsoft.Insights/components/appi-.ConnectionString]",
    "ARM_CLOUD_METADATA_URL": (
        "[format('{0}metadata/endpoints?api-version=2019-05-01', environment().resourceManager)]"
    ),
    "AZURE_CLIENT_ID": CLIENT_ID,
    "AZURE_FUNCTIONS_DURABLE_STRICT_TYPING": "1",
    "AzureWebJobsStorage__blobServiceUri": HOST.format("blob"),
    "AzureWebJobsStorage__clientId": CLIENT_ID,
    "AzureWebJobsStorage__credential": "managedidentity",
    "AzureWebJobsStorage__queueServiceUri": HOST.format("queue"),
    "AzureWebJobsStorage__tableServiceUri": HOST.format("table"),
    "PYTHON_THREADPOOL_THREAD_COUNT": "32",
}
"""Settings that the platform reads, not the code."""
APP = {
    "TOUCHDOWN_WORKSPACE": "mlw-",
    "TOUCHDOWN_DATA_FACTORY": "adf-",
    "TOUCHDOWN_STORAGE_URL": "[format('https://{0}.blob.{1}', 'stdata', environment().suffixes.storage)]",
    "TOUCHDOWN_CONTAINER": (
        "[format('azureml-blobstore-{0}', Microsoft.MachineLearningServices/workspaces/mlw-.workspaceId)]"
    ),
    "TOUCHDOWN_RESOURCE_MANAGER_URL": "[environment().resourceManager]",
    "TOUCHDOWN_COMPUTE_IDENTITY": "Microsoft.ManagedIdentity/userAssignedIdentities/id-scoring-",
    "TOUCHDOWN_TOPIC_ENDPOINT": "[Microsoft.EventGrid/topics/evgt-runs-.endpoint]",
}
"""Settings whose values come from other resources."""
RUNS = {
    "label": "species",
    "model_name": "iris",
    "endpoint_name": "iris-endpoint",
    "epochs": "20",
    "lr": "0.05",
    "min_accuracy": "0.9",
    "training_timeout": "12h",
    "keep_deployments": "3",
    "compute_name": "other-cluster",
    "vm_size": "Standard_F4s_v2",
    "task": "classification",
    "algorithm": "boosting",
    "training_budget": "30",
    "rare_classes": "merge",
    "class_weights": "balanced",
    "max_rmse": "1.5",
    "tolerance": "0.02",
    "approval": "required",
    "approval_timeout": "3d",
    "uncompared_champion": "replace",
}
"""runDefaults of the case in which every parameter is given."""
AUTHORITY = {
    "TOUCHDOWN_METADATA_SETTINGS": "endpoint_name,keep_deployments",
    "TOUCHDOWN_ALLOWED_VM_SIZES": "Standard_E4s_v3,Standard_E8s_v3",
    "TOUCHDOWN_MAX_EPOCHS": "200",
    "TOUCHDOWN_MAX_TRAINING_TIMEOUT": "12h",
    "TOUCHDOWN_MAX_ROWS": "1000000",
    "TOUCHDOWN_MAX_TEXT_MIB": "1024",
    "TOUCHDOWN_MAX_COMPRESSION_RATIO": "50",
    "TOUCHDOWN_TAKE_OVER": "allow",
}
"""What callers may ask of a run in that case."""
POLLING = {"RUN": ("60", "600"), "OPERATION": ("0.5", "5")}
"""pollingSeconds of that case: the first and the longest interval."""


def settings_of(deployed: Deployed) -> dict[str, Any]:
    app = deployed.only("Microsoft.Web/sites")
    given = deployed.plain(app["properties"]["siteConfig"]["appSettings"])
    return {each["name"]: each["value"] for each in given}


def wanted_settings(deployed: Deployed) -> dict[str, str | None]:
    """What each setting must be; None: anything."""
    wanted: dict[str, str | None] = {each.variable: each.default for each in APP_SETTINGS}
    wanted |= {each.variable: "" for each in RUN_SETTINGS.values()}
    wanted |= {**APP, **PLATFORM}
    group = deployed.only("Microsoft.Resources/resourceGroups")
    wanted["TOUCHDOWN_RESOURCE_GROUP"] = group["name"]
    wanted["TOUCHDOWN_SUBSCRIPTION_ID"] = group["id"].split("/")[2]
    wanted["TOUCHDOWN_COMPUTE_NAME"] = "cpu-cluster"
    wanted["TOUCHDOWN_VM_SIZE"] = "Standard_DS3_v2"
    if deployed.case == "everything":
        wanted |= {RUN_SETTINGS[name].variable: value for name, value in RUNS.items()}
        for name, (first, cap) in POLLING.items():
            wanted[f"TOUCHDOWN_{name}_POLLING_FIRST_SECONDS"] = first
            wanted[f"TOUCHDOWN_{name}_POLLING_CAP_SECONDS"] = cap
        wanted["TOUCHDOWN_COMPUTE_MAX_NODES"] = "3"
        wanted |= AUTHORITY
        wanted["TOUCHDOWN_SIGN_IN"] = "entra"
        people = [f"entra:cccccccc-0000-0000-0000-00000000000{number}" for number in (1, 2)]
        wanted["TOUCHDOWN_APPROVERS"] = ", ".join(people)
    return wanted


def callers_sign_in_only_where_the_app_asks_for_it(deployed: Deployed) -> Iterator[str]:
    """The host asks for no key under `entra`, so App Service has to ask for a token everywhere else."""
    if not deployed.is_main:
        return
    found = [
        each for each in deployed.of("Microsoft.Web/sites/config") if each["name"].endswith("authsettingsV2")
    ]
    signs_in = settings_of(deployed)["TOUCHDOWN_SIGN_IN"] == "entra"
    if [each["properties"]["platform"] for each in found] != [{"enabled": signs_in}]:
        yield f"App Service authentication is not set to {signs_in}: {found}"
    for each in found if signs_in else []:
        validation = each["properties"]["globalValidation"]
        wanted = {
            "requireAuthentication": True,
            "unauthenticatedClientAction": "Return401",
            "excludedPaths": ["/runtime/webhooks/*"],
        }
        if validation != wanted:
            yield f"App Service lets requests through without a token: {validation}"


def the_app_gets_exactly_the_settings_that_are_read(deployed: Deployed) -> Iterator[str]:
    if not deployed.is_main:
        return
    found, wanted = settings_of(deployed), wanted_settings(deployed)
    for name in sorted({*found} ^ {*wanted}):
        yield f"{name} is {'set, and nothing reads it' if name in found else 'read, and not set'}"
    for name, value in wanted.items():
        if value is not None and name in found and found[name] != value:
            yield f"{name} is {found[name]!r}, not {value!r}"


CLAIMS = [the_app_gets_exactly_the_settings_that_are_read, callers_sign_in_only_where_the_app_asks_for_it]
