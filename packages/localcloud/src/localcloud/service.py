"""The interface between the cloud and its services."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property

from azure.storage.blob import BlobServiceClient
from starlette.requests import Request
from starlette.routing import BaseRoute

from localcloud.access.decisions import Access
from localcloud.faults import Faults
from localcloud.grants import Grants
from localcloud.home import Home
from localcloud.inventory import Inventory
from localcloud.principals import PLATFORM, Principal, Principals
from localcloud.resource_ids import top_level, type_and_name
from localcloud.spec import CloudSpec
from localcloud.storage import clients
from localcloud.store import Document, Store
from localcloud.tokens import Caller, Tokens
from localcloud.wire import Operations, bearer

MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")
"""What Azure's public cloud calls Resource Manager in tokens."""


@dataclass(frozen=True)
class Cloud:
    """The objects that services share, one of each per process. Services reach each other only through it."""

    home: Home
    store: Store
    tokens: Tokens
    operations: Operations
    faults: Faults
    spec: CloudSpec = field(default_factory=CloudSpec)

    @cached_property
    def inventory(self) -> Inventory:
        """The resources that clients have PUT to Resource Manager."""
        return Inventory(self.store)

    @cached_property
    def principals(self) -> Principals:
        """Who calls: persons, and the identities of resources."""
        return Principals(self.home, self.inventory)

    @cached_property
    def grants(self) -> Grants:
        """Who holds which role."""
        return Grants(self.inventory)

    @property
    def access(self) -> Access:
        """All role assignments that count now."""
        return self.grants.access

    def on_access_change(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Call `listener` after each change of roles, before the request that made it is answered."""
        self.grants.on_change(listener)

    @cached_property
    def _storage_clients(self) -> dict[tuple[str, str], BlobServiceClient]:
        return {}

    def storage_as(self, principal: Principal, account: str) -> BlobServiceClient:
        """A principal's client of a storage account. It blocks, so call it through asyncio.to_thread."""
        key = (principal.object_id, account)
        if key not in self._storage_clients:
            self._storage_clients[key] = clients.client(self.home, self.tokens, principal, account)
        return self._storage_clients[key]

    @cached_property
    def _going(self) -> dict[str, Callable[[Document], Awaitable[None]]]:
        return {}

    def on_deletion(self, type_: str, hook: Callable[[Document], Awaitable[None]]) -> None:
        """Call `hook` before a resource of a type is deleted with its group, or a group itself."""
        self._going[type_.lower()] = hook

    async def going(self, document: Document) -> None:
        """Let the service of a resource end what it does, because the resource is being deleted."""
        if hook := self._going.get(document["type"].lower()):
            await hook(document)

    @cached_property
    def _finders(self) -> dict[str, Callable[..., Document | None]]:
        return {}

    def finds(self, type_: str, find: Callable[..., Document | None]) -> None:
        """Let `find` look up the resources of a type that a service keeps beside the inventory.

        find: called with a resource's name after the names of those in which it is.
        """
        self._finders[type_.lower()] = find

    def has(self, id_: str) -> bool:
        """Whether a resource exists, whoever keeps it."""
        if self.inventory.get(id_):
            return True
        type_, name = type_and_name(id_)
        find = self._finders.get(type_.lower())
        if find is None or ("/" in name and not self.inventory.get(top_level(id_))):
            return False
        return find(*name.split("/")) is not None

    def blobs_of(self, account: str) -> BlobServiceClient:
        """The platform's client of a storage account."""
        return self.storage_as(PLATFORM, account)

    @property
    def batch_endpoint(self) -> str:
        """Host of the Batch account's data plane."""
        return self.home.batch_host(self.inventory.batch_account, self.inventory.batch_region)

    def caller(self, request: Request, audience: str = "") -> Caller:
        """Who sent a request, which has a token for `audience`, by default Resource Manager.

        Raises AzureError 401 without such a token.
        """
        found = request.scope.get("localcloud.caller")
        if found is None:
            audiences = [audience] if audience else [self.home.resource_manager, *MANAGEMENT]
            found = request.scope["localcloud.caller"] = bearer(request, self.tokens, audiences)
        assert isinstance(found, Caller)
        return found

    def arm_caller(self, request: Request) -> Caller:
        """Return the caller of Resource Manager. Raises AzureError 401 without a token for it."""
        return self.caller(request)


async def nothing() -> None:
    """Do nothing, for a service that has nothing to start or stop."""


@dataclass(frozen=True)
class Service:
    """One emulated service.

    routes: Azure's paths, on the TLS listener. control: localcloud's own routes, under /localcloud on the
    loopback HTTP listener; they require the control key. start: called before the first request.
    """

    name: str
    routes: list[BaseRoute]
    control: list[BaseRoute] = field(default_factory=list)
    start: Callable[[], Awaitable[None]] = nothing
    stop: Callable[[], Awaitable[None]] = nothing
