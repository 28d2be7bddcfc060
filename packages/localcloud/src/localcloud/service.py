"""The interface between the cloud and its services."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property

from azure.storage.blob import BlobServiceClient
from starlette.requests import Request
from starlette.routing import BaseRoute

from localcloud import blobs
from localcloud.faults import Faults
from localcloud.home import STORAGE_ACCOUNT, Home
from localcloud.inventory import Inventory
from localcloud.roles import Roles
from localcloud.spec import CloudSpec
from localcloud.store import Store
from localcloud.tokens import Caller, Tokens
from localcloud.wire import Operations, bearer


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
    def roles(self) -> Roles:
        """Who holds which role."""
        return Roles(self.inventory)

    @cached_property
    def blobs(self) -> BlobServiceClient:
        """The services' storage client. It blocks, so call it through asyncio.to_thread."""
        return self.blobs_of(STORAGE_ACCOUNT)

    def blobs_of(self, account: str) -> BlobServiceClient:
        """The services' client of a storage account. It blocks, so call it through asyncio.to_thread."""
        if account not in self._clients:
            self._clients[account] = blobs.client(self.home, self.tokens, account)
        return self._clients[account]

    @cached_property
    def _clients(self) -> dict[str, BlobServiceClient]:
        return {}

    def arm_caller(self, request: Request) -> Caller:
        """Return the caller of Resource Manager. Raises AzureError 401 without a token for it."""
        audiences = [
            self.home.resource_manager,
            "https://management.azure.com",
            "https://management.core.windows.net",
        ]
        return bearer(request, self.tokens, audiences)


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
