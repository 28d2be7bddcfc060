"""Container registries. Nothing is pushed or pulled: images are Python environments here.

Source: "Registries - Create" of the container registry REST API, 2025-04-01.
"""

from localcloud.providers.kinds import Kind, Name
from localcloud.service import Cloud
from localcloud.store import Document

REGISTRY = "Microsoft.ContainerRegistry/registries"


def of_registry(cloud: Cloud, document: Document) -> Document:
    given = document["properties"]
    return {
        "loginServer": f"{document['name'].lower()}.azurecr.{cloud.home.suffix}",
        "provisioningState": "Succeeded",
        "adminUserEnabled": given.get("adminUserEnabled", False),
        "anonymousPullEnabled": given.get("anonymousPullEnabled", False),
        "publicNetworkAccess": given.get("publicNetworkAccess", "Enabled"),
    }


KINDS = (
    Kind(
        REGISTRY,
        ("2019-05-01", "2025-11-01"),
        Name(
            r"[A-Za-z0-9]{5,50}",
            "has 5 to 50 letters and digits",
            "InvalidResourceName",
            "The registry name {name} is invalid: it {rule}.",
        ),
        required=("sku", "sku.name"),
        choices={
            "sku.name": ("Basic", "Standard", "Premium"),
            "properties.publicNetworkAccess": ("Enabled", "Disabled"),
        },
        read_only=("properties.loginServer", "properties.creationDate"),
        code="InvalidParameter",
        computed=of_registry,
    ),
)
