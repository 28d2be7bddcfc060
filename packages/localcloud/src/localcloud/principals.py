"""Who calls: managed identities and persons, and the carriers that ask for their tokens.

A carrier is what holds the secret of an identity header: a resource whose processes run on this machine, or
a person. It may use the identities that it carries, and no others. Sources for the choice among them: "How to
use managed identities for App Service and Azure Functions", REST endpoint reference; "Use managed identities
on a virtual machine to acquire access token"; for the refusals Azure/azure-sdk-for-net#43691 and #37278.
"""

import secrets
from collections.abc import Callable, Mapping

from localcloud import persons
from localcloud.home import CARRIERS, PERSONS, Home
from localcloud.identities import PLATFORM, USER_ASSIGNED, Principal, kinds_of
from localcloud.inventory import POOL, SITE, Inventory
from localcloud.store import Document
from localcloud.wire import AzureError

__all__ = ["PLATFORM", "Principal", "Principals"]

NOT_CARRIED = (
    "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
)
ONE_CHOICE = "Only one of client_id, principal_id, object_id and mi_res_id may choose an identity."
NO_DEFAULT = "Unable to load the proper Managed Identity."
SEVERAL = (
    "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the"
    " token request"
)
CHOICES = ("client_id", "principal_id", "object_id", "mi_res_id", "msi_res_id")
"""The query parameters that choose among the identities of a carrier."""


class Principals:
    """The principals of one cloud."""

    def __init__(self, home: Home, inventory: Inventory) -> None:
        self._home = home
        self._inventory = inventory
        self._carriers: dict[str, Callable[[], list[Document]]] = {
            "site": lambda: inventory.all(SITE),
            "pool": lambda: inventory.all(POOL),
        }

    # Persons

    def person(self, name: str) -> Principal:
        """A person or program by its name. Raises UnknownPersonError."""
        return persons.person_of(self._home, name)

    # Identities

    def of_identity(self, resource_id: str) -> Principal:
        """The principal of a user-assigned identity. Raises AzureError 404 if it does not exist."""
        found = self._inventory.get(resource_id)
        if found is None or found["type"].lower() != USER_ASSIGNED.lower():
            message = f"The Resource '{resource_id}' was not found: it is no user-assigned identity."
            raise AzureError(404, "ResourceNotFound", message)
        properties = found["properties"]
        return Principal(properties["principalId"], properties["clientId"], found["name"])

    def carried(self, identity: Mapping[str, object] | None, resource_id: str) -> list[Principal]:
        """The identities of a resource, given its `identity`; its own (system-assigned) one is the first."""
        given = identity or {}
        kinds = kinds_of(given)
        listed = given.get("userAssignedIdentities") or {}
        assert isinstance(listed, dict)
        own = [self.own_of(resource_id)] if "systemassigned" in kinds else []
        existing = [id_ for id_ in listed if self._inventory.get(id_)]
        return own + ([self.of_identity(id_) for id_ in existing] if "userassigned" in kinds else [])

    def own_of(self, resource_id: str) -> Principal:
        """The system-assigned identity of a resource."""
        return self._inventory.own_identities.of(resource_id)

    def of_resource(self, resource_id: str) -> list[Principal]:
        """The identities that a resource of the inventory carries; none if it does not exist."""
        found = self._inventory.get(resource_id)
        return self.carried(found.get("identity"), found["id"]) if found else []

    def of_object_id(self, object_id: str) -> Principal | None:
        """The principal of an object id, or None for one that this cloud does not know."""
        known = [*persons.persons(self._home), PLATFORM]
        known += [self.of_identity(each["id"]) for each in self._inventory.all(USER_ASSIGNED)]
        known += [
            each for one in self._inventory.carriers() for each in self.carried(one["identity"], one["id"])
        ]
        return next((each for each in known if each.object_id == object_id.lower()), None)

    # Carriers

    def carries(self, carrier: str, resources: Callable[[], list[Document]]) -> None:
        """Let a carrier use the identities of `resources`: bodies with `id` and `identity`."""
        self._carriers[carrier] = resources

    def carried_by(self, carrier: str) -> list[Principal]:
        """The principals whose tokens a carrier may have; a person's own alone. Raises UnknownPersonError."""
        resources = self._carriers.get(carrier)
        if resources is None:
            return [] if carrier in CARRIERS and carrier not in PERSONS else [self.person(carrier)]
        found = [each for one in resources() for each in self.carried(one.get("identity"), one["id"])]
        return list(dict.fromkeys(found))

    def carrier_of(self, header: str) -> str | None:
        """The carrier to which the secret of an identity header belongs, or None."""
        sent = header.encode()
        more: dict[str, str] = {name: each["secret"] for name, each in persons.added(self._home).items()}
        # As bytes: compare_digest raises TypeError for text that is not ASCII.
        for name, secret in (self._home.identity_headers | more).items():
            if secrets.compare_digest(sent, secret.encode()):
                return name
        return None

    def chosen(self, carrier: str, query: Mapping[str, str]) -> Principal:
        """The principal whose token a carrier asks for. Raises AzureError 400 as Azure refuses a choice."""
        carried = self.carried_by(carrier)
        asked = [(name, query[name].lower()) for name in CHOICES if query.get(name)]
        if len(asked) > 1:
            raise AzureError(400, "invalid_request", ONE_CHOICE)
        for name, wanted in asked:
            for each in carried:
                if wanted in self._ids(each, name):
                    return each
            raise AzureError(400, "invalid_request", NOT_CARRIED)
        return self._default(carrier, carried)

    def _default(self, carrier: str, carried: list[Principal]) -> Principal:
        """Who it is when none was chosen: App Service takes the site's own identity, a node its only one."""
        if carrier == "site":
            own = {self.own_of(each["id"]).object_id for each in self._carriers["site"]()}
            carried = [each for each in carried if each.object_id in own]
            if not carried:
                raise AzureError(400, "invalid_request", NO_DEFAULT)
        if not carried:
            raise AzureError(400, "invalid_request", "Identity not found")
        if len(carried) > 1:
            raise AzureError(400, "invalid_request", SEVERAL)
        return carried[0]

    def _ids(self, principal: Principal, choice: str) -> set[str]:
        if choice == "client_id":
            return {principal.client_id}
        if choice in ("principal_id", "object_id"):
            return {principal.object_id}
        listed = self._inventory.all(USER_ASSIGNED)
        return {e["id"].lower() for e in listed if e["properties"]["principalId"] == principal.object_id}
