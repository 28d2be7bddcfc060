"""What localcloud remembers of deployments: the newest of each name, and its operations.

Source of the shapes: "Deployments - Get", "Deployment Operations - List" and their schemas of 2025-04-01.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from localcloud.deployments.tracing import Document
from localcloud.store import Store
from localcloud.wire import timestamp

TYPE = "Microsoft.Resources/deployments"
ACTIVE = ("Accepted", "Running", "Canceling")


class Records:
    """Deployments by id. A document: the body that Resource Manager shows, and under "kept" what it does not.

    kept: {"status": the id of its operation, "template", "snapshotHash"}.
    """

    DEPLOYMENT = "deployment"
    OPERATION = "deployment.operation"

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, id_: str) -> Document | None:
        return self._store.get(self.DEPLOYMENT, id_.lower())

    def put(self, document: Document) -> None:
        self._store.put(self.DEPLOYMENT, document["id"].lower(), document)

    def all(self, scope: str = "") -> list[Document]:
        """The deployments at a scope itself, oldest first; without a scope, all."""
        prefix = f"{scope}/providers/{TYPE}/".lower() if scope else ""
        return [document for _, document in self._store.list(self.DEPLOYMENT, prefix)]

    def delete(self, id_: str) -> None:
        self.forget_operations(id_)
        self._store.delete(self.DEPLOYMENT, id_.lower())

    def operations(self, id_: str) -> list[Document]:
        prefix = f"{id_.lower()}/operations/"
        return [document for _, document in self._store.list(self.OPERATION, prefix)]

    def put_operation(self, document: Document) -> None:
        self._store.put(self.OPERATION, document["id"].lower(), document)

    def forget_operations(self, id_: str) -> None:
        for each in self.operations(id_):
            self._store.delete(self.OPERATION, each["id"].lower())

    def end_interrupted(self) -> None:
        """Let the deployments fail that the end of the process interrupted."""
        error = {"code": "DeploymentInterrupted", "message": "localcloud was stopped during this deployment."}
        for document in self.all():
            if document["properties"]["provisioningState"] in ACTIVE:
                end(document, "Failed", error=error)
                self.put(document)


def begun(id_: str, properties: Document, location: str | None, tags: Any, kept: Document) -> Document:
    """A new deployment."""
    now = {"timestamp": timestamp(), "duration": "PT0S", "correlationId": correlation()}
    return {
        "id": id_,
        "name": id_.rpartition("/")[2],
        "type": TYPE,
        **({"location": location} if location else {}),
        **({"tags": tags} if tags else {}),
        "properties": {"mode": "Incremental", "provisioningState": "Accepted", **now, **properties},
        "kept": {"status": secrets.token_hex(8).upper(), "began": timestamp(), **kept},
    }


def correlation() -> str:
    digits = secrets.token_hex(16)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def end(document: Document, state: str, **more: Any) -> None:
    """Change a deployment's state to one in which it stays."""
    document["properties"] |= {
        "provisioningState": state,
        "timestamp": timestamp(),
        "duration": since(document["kept"]["began"]),
        **more,
    }


def succeeded(document: Document) -> bool:
    return bool(document["properties"]["provisioningState"] == "Succeeded")


def shown(document: Document) -> Document:
    """A deployment as Resource Manager answers it."""
    return {name: value for name, value in document.items() if name != "kept"}


def operation(deployment: str, resource: Document, began: str, **more: Any) -> Document:
    """What became of one resource. more: provisioningState, statusCode, statusMessage."""
    id_ = hashlib.sha256(resource["id"].lower().encode()).hexdigest()[:16].upper()
    target = {"id": resource["id"], "resourceType": resource["type"], "resourceName": resource["name"]}
    return {
        "id": f"{deployment}/operations/{id_}",
        "operationId": id_,
        "properties": {
            "provisioningOperation": "Create",
            "timestamp": timestamp(),
            "duration": since(began),
            "trackingId": correlation(),
            "targetResource": target,
            **more,
        },
    }


def since(began: str) -> str:
    """The time since a timestamp as a duration of ISO 8601."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(began)).total_seconds()
    return f"PT{seconds:.7f}S"


def providers_of(resources: Iterable[Document]) -> list[Document]:
    """The providers of resources as a deployment names them."""
    found: dict[str, dict[str, set[str]]] = {}
    for each in resources:
        namespace, _, kind = each["type"].partition("/")
        places = found.setdefault(namespace, {}).setdefault(kind, set())
        places |= {each["location"]} if isinstance(each.get("location"), str) else set()
    return [
        {
            "namespace": namespace,
            "resourceTypes": [
                {"resourceType": kind, "locations": sorted(places) or [None]}
                for kind, places in kinds.items()
            ],
        }
        for namespace, kinds in found.items()
    ]
