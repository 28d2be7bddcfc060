"""Clients of the Azure services: made on first use, once per process, by managed identity.

The SDKs are imported here, inside the functions: azure-ai-ml alone costs seconds, and a process that
only answers an event never needs it. The clients are thread-safe for what the activities do.
"""

import functools
import logging
from typing import TYPE_CHECKING, Any

from runs.settings import app

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core import PipelineClient
    from azure.eventgrid import EventGridPublisherClient
    from azure.identity import DefaultAzureCredential
    from azure.mgmt.datafactory import DataFactoryManagementClient
    from azure.storage.blob import BlobServiceClient, ContainerClient

# Each call of an SDK would log its request and its answer, headers and all, into every invocation's log.
logging.getLogger("azure").setLevel(logging.WARNING)


@functools.cache
def credential() -> "DefaultAzureCredential":
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


@functools.cache
def storage() -> "BlobServiceClient":
    from azure.storage.blob import BlobServiceClient

    # Its own patience is a minute and a half for one call; a delivery of Event Grid has half a minute in all,
    # and an activity has the orchestrator's retries.
    return BlobServiceClient(
        app().storage_url, credential=credential(), initial_backoff=1, increment_base=2, random_jitter_range=1
    )


@functools.cache
def container() -> "ContainerClient":
    return storage().get_container_client(app().container)


@functools.cache
def data_factory() -> "DataFactoryManagementClient":
    from azure.mgmt.datafactory import DataFactoryManagementClient

    manager = app().resource_manager
    return DataFactoryManagementClient(
        credential(), app().subscription, base_url=manager, credential_scopes=[f"{manager}/.default"]
    )


@functools.cache
def machine_learning() -> "MLClient":
    from azure.ai.ml import MLClient

    return MLClient(credential(), app().subscription, app().resource_group, app().workspace)


@functools.cache
def resource_manager() -> "PipelineClient[Any, Any]":
    """Plain Resource Manager, for the one thing the SDKs hide: why a long-running operation failed."""
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy

    manager = app().resource_manager
    return PipelineClient(
        manager, policies=[RetryPolicy(), BearerTokenCredentialPolicy(credential(), f"{manager}/.default")]
    )


@functools.cache
def topic() -> "EventGridPublisherClient":
    from azure.eventgrid import EventGridPublisherClient

    return EventGridPublisherClient(app().topic_endpoint, credential())
