"""The resources that clients have PUT to Resource Manager, for Resource Manager and the services.

Ids are not case-sensitive; a resource keeps the spelling of its first PUT. A localcloud has at most one
resource of some types: resource group, workspace, Batch account, pool and site.
"""

import secrets
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

from localcloud import identities
from localcloud.home import REGION, SUBSCRIPTION
from localcloud.own_identities import OwnIdentities
from localcloud.regions import region_of
from localcloud.resource_ids import GROUP as GROUP
from localcloud.store import Document, Store
from localcloud.wire import AzureError, not_imitated

WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
DATASTORE = f"{WORKSPACE}/datastores"
BATCH_ACCOUNT = "Microsoft.Batch/batchAccounts"
POOL = f"{BATCH_ACCOUNT}/pools"
SITE = "Microsoft.Web/sites"
TOPIC = "Microsoft.EventGrid/topics"
SYSTEM_TOPIC = "Microsoft.EventGrid/systemTopics"

COMMON_FIELDS = ("location", "tags", "kind", "sku", "identity")
"""What Resource Manager returns of a resource beside its id, name, type and properties."""


class Inventory:
    """Resources by id. One per process: it holds in memory what the store keeps."""

    KIND = "arm.resource"
    SECRETS = "arm.secrets"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._resources = dict(store.list(self.KIND))
        self.own_identities = OwnIdentities(store)
        self._watchers: list[Callable[[str], None]] = []

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call `changed` with the type of each resource that is put or deleted from now on."""
        self._watchers.append(changed)

    def put(self, type_: str, id_: str, body: Document, properties: Document) -> tuple[Document, bool]:
        """Store a resource, with `properties` instead of its body's; return it and whether it is new."""
        old = self.get(id_)
        document: Document = {
            "id": old["id"] if old else id_,
            "name": old["name"] if old else id_.rpartition("/")[2],
            "type": type_,
            **{name: body[name] for name in COMMON_FIELDS if body.get(name) is not None},
            "properties": properties,
        }
        if "identity" in document:
            document["identity"] = self.expanded(document["identity"], document["id"])
        else:
            self.own_identities.end(document["id"])
        self._store.put(self.KIND, id_.lower(), document)
        self._resources[id_.lower()] = document
        self._tell({type_})
        return document, old is None

    def expanded(self, identity: Document, resource: str) -> Document:
        """The `identity` that a resource is given, with the ids of its principals."""
        if "systemassigned" in identities.kinds_of(identity):
            self.own_identities.keep(resource)
        else:
            self.own_identities.end(resource)
        return identities.expanded(identity, self.own_identities.of(resource), self.get)

    def get(self, id_: str) -> Document | None:
        return self._resources.get(id_.lower())

    def delete(self, id_: str) -> bool:
        """Delete a resource and its child resources; return whether the resource existed."""
        root = id_.lower()
        gone = [each for each in self._resources if each == root or each.startswith(f"{root}/")]
        types = {str(self._resources.pop(each)["type"]) for each in gone}
        for each in gone:
            self._store.delete(self.KIND, each)
            self._store.delete(self.SECRETS, each)
        self.own_identities.end_below(root)
        self._tell(types)
        return root in gone

    def secrets(self, id_: str) -> Document:
        """What is kept of a resource beside its document, and no answer holds: keys, and `seed`.

        The seed, 32 hex digits, is another one for each resource, even if one had its id before.
        """
        found = self._store.get(self.SECRETS, id_.lower())
        if found is None:
            found = {"seed": secrets.token_hex(16)}
            self._store.put(self.SECRETS, id_.lower(), found)
        return found

    def keep_secrets(self, id_: str, kept: Document) -> None:
        document = self.get(id_)
        self._store.put(self.SECRETS, id_.lower(), kept)
        self._tell({str(document["type"])} if document else set())

    def guid(self, id_: str, what: str) -> str:
        """A GUID of a resource, such as its workspaceId, which stays as long as the resource exists."""
        return str(uuid5(UUID(self.secrets(id_)["seed"]), what))

    def _tell(self, types: set[str]) -> None:
        for type_ in types:
            for changed in self._watchers:
                changed(type_)

    def all(self, type_: str, below: str = "") -> list[Document]:
        """Every resource of a type whose id begins with `below`, oldest first."""
        return [
            document
            for id_, document in self._resources.items()
            if document["type"].lower() == type_.lower() and id_.startswith(below.lower())
        ]

    def everything(self, below: str) -> list[Document]:
        """Every resource whose id begins with `below`, oldest first."""
        return [each for id_, each in self._resources.items() if id_.startswith(below.lower())]

    def carriers(self) -> list[Document]:
        """Every resource that carries identities."""
        return [document for document in self._resources.values() if "identity" in document]

    def one(self, type_: str) -> Document | None:
        """The resource of a type of which this cloud has at most one, or None."""
        return next(iter(self.all(type_)), None)

    def refuse_another(self, type_: str, id_: str) -> None:
        """Raise AzureError 501 if the cloud has another resource of a type of which it has at most one."""
        existing = self.one(type_)
        if existing is not None and existing["id"].lower() != id_.lower():
            raise not_imitated(f"a second resource of the type {type_}: this cloud has '{existing['name']}'")

    # The resource group

    @property
    def group(self) -> str:
        """The resource group's name. Raises AzureError 404 if the group does not exist yet."""
        found = self.one(GROUP)
        if found is None:
            raise AzureError(404, "ResourceGroupNotFound", "This cloud has no resource group yet.")
        return str(found["name"])

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}"

    # Batch

    @property
    def batch_account(self) -> str:
        """The Batch account's name, or "" if there is none."""
        return str((self.one(BATCH_ACCOUNT) or {"name": ""})["name"])

    @property
    def batch_region(self) -> str:
        """The region of the Batch account, as it stands in the account's address."""
        location = (self.one(BATCH_ACCOUNT) or {}).get("location", REGION)
        return region_of(str(location))

    @property
    def pool(self) -> str:
        """The pool's name, or "" if there is none."""
        return str((self.one(POOL) or {"name": ""})["name"])


def not_found(type_: str, name: str, group: str) -> AzureError:
    """Resource Manager's answer for a resource that does not exist."""
    message = f"The Resource '{type_}/{name}' under resource group '{group}' was not found."
    return AzureError(404, "ResourceNotFound", message)


def properties_of(body: dict[str, Any]) -> Document:
    """`properties` of a request's body; {} if it has none. Raises AzureError 400 if they are no object."""
    properties = body.get("properties") or {}
    if not isinstance(properties, dict):
        raise AzureError(
            400, "InvalidRequestContent", "The request content was invalid: properties is no object."
        )
    return properties
