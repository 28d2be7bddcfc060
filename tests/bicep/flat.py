"""A snapshot of the Bicep compiler as a flat ARM template.

`bicep build` writes nested deployments and language version 2.0, which tools that check ARM templates do not
read. A snapshot has the same resources, evaluated and in one list: children with their full types and names.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
FIELDS = ("type", "apiVersion", "location", "tags", "kind", "sku", "identity", "zones", "properties")
UNKNOWN = "known when deployed"


def flat_template(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The resources of a snapshot ({"predictedResources": [{"id", "type", "name", …}]}) as an ARM template.

    Tools tell resources apart by type and name. A name that only a deployment knows is an expression in the
    snapshot and UNKNOWN here. Names that are not unique, such as those of diagnostic settings, get a number.
    """
    seen: Counter[tuple[str, str]] = Counter()
    resources = []
    for given in snapshot["predictedResources"]:
        name = UNKNOWN if given["name"].startswith("[") else given["name"]
        seen[given["type"], name] += 1
        number = seen[given["type"], name]
        fields = {field: given[field] for field in FIELDS if field in given}
        resources.append({"name": name if number == 1 else f"{name} {number}", **fields})
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}
