"""The product's steps as plain functions against a real cloud."""

import contextlib
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.identity import DefaultAzureCredential
from localcloud.home import Home

from runs.settings import App
from services.clients import Clients
from touchdown.local.resources import app_settings


@pytest.fixture
def clients(cloud_home: Home, trusted: None) -> Clients:
    """The clients of an app that belongs to `cloud_home`, with its managed identity."""
    settings = App.read(app_settings(cloud_home, {}))
    clients = Clients(settings, DefaultAzureCredential())
    with contextlib.suppress(ResourceExistsError):
        clients.container.create_container()
    return clients


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return uuid4().hex[:12]
