"""The cloud's metadata: where its services are, and what ends their names.

`GET /metadata/endpoints` answers it, and the template function `environment()` returns it. azure-ai-ml and
az read the former through ARM_CLOUD_METADATA_URL. The cloud has a name of its own: under a known name it
would be taken for the public cloud, whatever its endpoints. Sources: azure-ai-ml 1.35
`_azure_environments.py`; az 2.91 `azure/cli/core/cloud.py`, `_arm_to_cli_mapper`; "Template functions -
environment".
"""

from typing import Any

from localcloud.home import Home


def environment(home: Home) -> dict[str, Any]:
    """The metadata of the cloud of `home`. As in Azure, Resource Manager's address ends with a slash."""
    return {
        "name": "localcloud",
        # azure-ai-ml derives the audience of Azure ML, which is https://ml.azure.com, from the portal's name.
        "portal": "https://portal.azure.com/",
        "resourceManager": f"{home.resource_manager}/",
        "authentication": {
            "loginEndpoint": home.login_url,
            "audiences": [f"{home.resource_manager}/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graph": f"https://graph.{home.suffix}/",
        "graphAudience": f"https://graph.{home.suffix}/",
        "microsoftGraphResourceId": f"https://graph.{home.suffix}/",
        "batch": "https://batch.core.windows.net/",
        "suffixes": {
            "storage": f"core.{home.suffix}",
            "keyVaultDns": f"vault.{home.suffix}",
            "batch": f"batch.{home.suffix}",
            "acrLoginServer": f"azurecr.{home.suffix}",
            "sqlServerHostname": f"database.{home.suffix}",
        },
    }
