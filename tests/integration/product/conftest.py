"""The product's steps as plain functions against a real cloud."""

import contextlib
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.identity import DefaultAzureCredential
from localcloud.home import CONTAINER, FACTORY, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, Home

from runs.settings import App
from services.clients import Clients


@pytest.fixture
def clients(cloud_home: Home, trusted: None) -> Clients:
    """The clients of an app that belongs to `cloud_home`, with its managed identity."""
    settings = App.read(
        {
            "TOUCHDOWN_SUBSCRIPTION_ID": SUBSCRIPTION,
            "TOUCHDOWN_RESOURCE_GROUP": RESOURCE_GROUP,
            "TOUCHDOWN_WORKSPACE": WORKSPACE,
            "TOUCHDOWN_DATA_FACTORY": FACTORY,
            "TOUCHDOWN_STORAGE_URL": cloud_home.blob_url,
            "TOUCHDOWN_CONTAINER": CONTAINER,
            "TOUCHDOWN_RESOURCE_MANAGER_URL": cloud_home.resource_manager,
            "TOUCHDOWN_TOPIC_ENDPOINT": cloud_home.topic_endpoint,
        }
    )
    clients = Clients(settings, DefaultAzureCredential())
    with contextlib.suppress(ResourceExistsError):
        clients.container.create_container()
    return clients


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return uuid4().hex[:12]
