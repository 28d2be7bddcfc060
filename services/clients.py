"""The clients of the Azure services that triggers and activities are handed.

Each client is made on first use, and its SDK is imported only then: azure-ai-ml alone takes seconds to
import, and a process that only answers events never needs it. The clients are thread-safe for what the app
does.
"""

import functools
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runs.settings import App, app

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core import PipelineClient
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport
    from azure.eventgrid import EventGridPublisherClient
    from azure.mgmt.datafactory import DataFactoryManagementClient
    from azure.storage.blob import BlobServiceClient, ContainerClient

# The SDKs log every request and response with their headers, which would fill the log of each invocation.
logging.getLogger("azure").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Clients:
    """One client for each Azure service that the app calls, all with one identity.

    transport: sends the requests of all clients but the topic's, whose SDK (azure-eventgrid 4.22) ignores a
    transport; None for the transport that each SDK has by default.
    """

    settings: App
    credential: "TokenCredential"
    transport: "HttpTransport[Any, Any] | None" = None

    @cached_property
    def storage(self) -> "BlobServiceClient":
        from azure.storage.blob import BlobServiceClient

        # By default the SDK retries one call for a minute and a half. Event Grid waits 30 s for the answer to
        # a delivery, and the orchestrator retries activities itself.
        return BlobServiceClient(
            self.settings.storage_url,
            credential=self.credential,
            initial_backoff=1,
            increment_base=2,
            random_jitter_range=1,
            **self._transport,
        )

    @cached_property
    def container(self) -> "ContainerClient":
        return self.storage.get_container_client(self.settings.container)

    @cached_property
    def data_factory(self) -> "DataFactoryManagementClient":
        from azure.mgmt.datafactory import DataFactoryManagementClient

        manager = self.settings.resource_manager
        return DataFactoryManagementClient(
            self.credential,
            self.settings.subscription,
            base_url=manager,
            credential_scopes=[f"{manager}/.default"],
            **self._transport,
        )

    @cached_property
    def machine_learning(self) -> "MLClient":
        from azure.ai.ml import MLClient

        at = self.settings
        return MLClient(self.credential, at.subscription, at.resource_group, at.workspace, **self._transport)

    @cached_property
    def resource_manager(self) -> "PipelineClient[Any, Any]":
        """Sends plain requests with a token for Resource Manager.

        The SDKs do not report why a long-running operation or a job failed; plain requests do. A client of
        this kind sends its token to any address, so check addresses from responses first: see
        services.addresses.
        """
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy

        manager = self.settings.resource_manager
        token = BearerTokenCredentialPolicy(self.credential, f"{manager}/.default")
        return PipelineClient(manager, policies=[RetryPolicy(), token], **self._transport)

    @cached_property
    def topic(self) -> "EventGridPublisherClient":
        from azure.eventgrid import EventGridPublisherClient

        return EventGridPublisherClient(self.settings.topic_endpoint, self.credential)

    @property
    def _transport(self) -> dict[str, Any]:
        return {} if self.transport is None else {"transport": self.transport}


@functools.cache
def process_clients() -> Clients:
    """The clients of this process, with its app settings and its managed identity.

    Raises RefusedError MissingAppSetting.
    """
    from azure.identity import DefaultAzureCredential

    return Clients(app(), DefaultAzureCredential())
