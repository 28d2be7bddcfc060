"""A deployment that answers from dictionaries."""

from dataclasses import dataclass, field
from typing import Any

SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"


@dataclass
class Memory:
    """properties, keys: by the ids of resources as they are asked for. asked: what was, in order."""

    subscription: str = SUBSCRIPTION
    resource_group: str | None = None
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str | None, bool]] = field(default_factory=list)

    def environment(self) -> dict[str, Any]:
        return {"name": "test", "suffixes": {"storage": "core.test"}}

    def deployer(self) -> dict[str, Any]:
        return {"objectId": "a-person", "tenantId": "a-tenant"}

    def reference(self, resource: str, api_version: str | None, full: bool) -> dict[str, Any]:
        self.asked.append((resource, api_version, full))
        found = self.properties[resource]
        return {"id": resource, "properties": found} if full else found

    def list_keys(self, resource: str, api_version: str) -> dict[str, Any]:
        self.asked.append((resource, api_version, False))
        return self.keys[resource]
