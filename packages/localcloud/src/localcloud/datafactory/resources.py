"""The resources of Data Factory (factories, linked services and pipelines), kept in the store.

Names are not case-sensitive; a resource keeps the spelling of its first PUT. Every change gives a new ETag.
"""

from typing import Any
from uuid import uuid4

from localcloud.datafactory import definitions, linked_services, reading
from localcloud.datafactory.definitions import Json, Pipeline
from localcloud.datafactory.errors import (
    BadRequestError,
    EntityNotFoundError,
    FactoryNotFoundError,
    InvalidReferenceError,
    PreconditionFailedError,
    ReferencedError,
)
from localcloud.home import REGION
from localcloud.inventory import Inventory
from localcloud.providers import identities
from localcloud.store import Document, Store
from localcloud.wire import timestamp

TYPE = "Microsoft.DataFactory/factories"
FACTORY = "datafactory.factory"
LINKED_SERVICE = "datafactory.linkedservice"
PIPELINE = "datafactory.pipeline"
CREDENTIAL = "datafactory.credential"
KINDS = {
    CREDENTIAL: ("credentials", "credential"),
    LINKED_SERVICE: ("linkedservices", "linked service"),
    PIPELINE: ("pipelines", "pipeline"),
}
"""For each kind, the segment in its resource ids, and its name in messages."""
REFERRED = {"LinkedServiceReference": LINKED_SERVICE, "CredentialReference": CREDENTIAL}


def factory_id(inventory: Inventory, factory: str) -> str:
    return f"{inventory.group_id}/providers/Microsoft.DataFactory/factories/{factory}"


class Resources:
    """The factories of this cloud."""

    def __init__(self, store: Store, inventory: Inventory) -> None:
        self._store = store
        self._inventory = inventory

    def put_factory(self, name: str, body: Json, if_match: str | None = None) -> Document:
        definitions.check_factory_name(name)
        old = self._store.get(FACTORY, name.lower())
        _check_match(name, old, if_match)
        if body.get("identity"):
            identities.check(self._inventory, factory_id(self._inventory, name), body["identity"])
        document = {
            "name": old["name"] if old else name,
            "etag": str(uuid4()),
            "location": body.get("location", REGION),
            "tags": body.get("tags") or {},
            "identity": body.get("identity"),
            "createTime": old["createTime"] if old else timestamp(),
            "properties": body.get("properties") or {},
        }
        self._store.put(FACTORY, name.lower(), document)
        self._inventory.put(TYPE, factory_id(self._inventory, name), document, document["properties"])
        return document

    def factory(self, name: str) -> Document:
        document = self._store.get(FACTORY, name.lower())
        if document is None:
            raise FactoryNotFoundError(name, self._inventory.group)
        return document

    def factories(self) -> list[Document]:
        return [document for _, document in self._store.list(FACTORY)]

    def delete_factory(self, name: str) -> bool:
        """Delete the factory and everything in it; returns whether it existed."""
        for kind in KINDS:
            for id_, _ in self._store.list(kind, _prefix(name)):
                self._store.delete(kind, id_)
        self._inventory.delete(factory_id(self._inventory, name))
        return self._store.delete(FACTORY, name.lower())

    def put_linked_service(
        self, factory: str, name: str, properties: Json, if_match: str | None = None
    ) -> Document:
        definitions.check_document_name("linked service", name)
        self.factory(factory)
        for each in linked_services.check(name, properties):
            if self.find(REFERRED[each.type], factory, each.name) is None:
                raise InvalidReferenceError(each.name, name)
        return self._put(LINKED_SERVICE, factory, name, properties, if_match)

    def put_credential(
        self, factory: str, name: str, properties: Json, if_match: str | None = None
    ) -> Document:
        definitions.check_document_name("credential", name)
        self.factory(factory)
        identity = linked_services.check_credential(name, properties)
        if self._inventory.get(identity) is None:
            raise BadRequestError(
                f"The credential '{name}' names the identity '{identity}', which was not found.", name
            )
        return self._put(CREDENTIAL, factory, name, properties, if_match)

    def put_pipeline(
        self, factory: str, name: str, properties: Json, if_match: str | None = None
    ) -> Document:
        self.factory(factory)
        for target in sorted(reading.read(name, properties).linked_services()):
            if self.find(LINKED_SERVICE, factory, target) is None:
                raise InvalidReferenceError(target, name)
        return self._put(PIPELINE, factory, name, properties, if_match)

    def get(self, kind: str, factory: str, name: str) -> Document:
        """Raises FactoryNotFoundError, EntityNotFoundError."""
        self.factory(factory)
        document = self.find(kind, factory, name)
        if document is None:
            raise EntityNotFoundError(KINDS[kind][1], name)
        return document

    def pipeline(self, factory: str, name: str) -> Pipeline:
        document = self.get(PIPELINE, factory, name)
        return reading.read(document["name"], document["properties"])

    def list(self, kind: str, factory: str) -> "list[Document]":
        self.factory(factory)
        return [document for _, document in self._store.list(kind, _prefix(factory))]

    def delete(self, kind: str, factory: str, name: str) -> bool:
        """Delete a resource; returns whether it existed. Raises ReferencedError if another refers to it."""
        self.factory(factory)
        if kind != PIPELINE:
            self._check_unused(kind, factory, name)
        return self._store.delete(kind, _prefix(factory) + name.lower())

    def _check_unused(self, kind: str, factory: str, name: str) -> None:
        """Raise ReferencedError if a linked service or a pipeline refers to the resource."""
        for document in self.list(LINKED_SERVICE, factory):
            for each in linked_services.check(document["name"], document["properties"]):
                if (REFERRED[each.type], each.name.lower()) == (kind, name.lower()):
                    raise ReferencedError(name, document["name"])
        for document in self.list(PIPELINE, factory) if kind == LINKED_SERVICE else []:
            targets = self.pipeline(factory, document["name"]).linked_services()
            if name.lower() in {target.lower() for target in targets}:
                raise ReferencedError(name, document["name"])

    def find(self, kind: str, factory: str, name: str) -> Document | None:
        return self._store.get(kind, _prefix(factory) + name.lower())

    def _put(self, kind: str, factory: str, name: str, properties: Json, if_match: str | None) -> Document:
        old = self.find(kind, factory, name)
        _check_match(name, old, if_match)
        document = {
            "name": old["name"] if old else name,
            "etag": str(uuid4()),
            "properties": properties,
        }
        self._store.put(kind, _prefix(factory) + name.lower(), document)
        return document


def factory_body(inventory: Inventory, document: Document) -> dict[str, Any]:
    """Return a factory in Resource Manager's form."""
    properties = document["properties"] | {
        "provisioningState": "Succeeded",
        "createTime": document["createTime"],
        "version": "2018-06-01",
    }
    id_ = factory_id(inventory, document["name"])
    return {
        "id": id_,
        "name": document["name"],
        "type": TYPE,
        "location": document["location"],
        "tags": document["tags"],
        "eTag": document["etag"],
        "properties": properties,
        **({"identity": inventory.expanded(document["identity"], id_)} if document["identity"] else {}),
    }


def child_body(inventory: Inventory, kind: str, factory: str, document: Document) -> dict[str, Any]:
    """Return a linked service or pipeline in Resource Manager's form, without secrets."""
    segment, _ = KINDS[kind]
    properties = document["properties"]
    return {
        "id": f"{factory_id(inventory, factory)}/{segment}/{document['name']}",
        "name": document["name"],
        "type": f"Microsoft.DataFactory/factories/{segment}",
        "etag": document["etag"],
        "properties": linked_services.without_secrets(properties) if kind == LINKED_SERVICE else properties,
    }


def properties_of(body: Json) -> Json:
    """Return `properties` of a request's body. Raises BadRequestError."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise BadRequestError("The body needs an object 'properties'.", "properties")
    return properties


def _prefix(factory: str) -> str:
    return f"{factory.lower()}/"


def _check_match(name: str, old: Document | None, if_match: str | None) -> None:
    if if_match is None:
        return
    if old is None or if_match.strip('"') not in ("*", old["etag"]):
        raise PreconditionFailedError(name)
