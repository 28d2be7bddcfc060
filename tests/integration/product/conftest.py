"""Fixtures for tests that call the product's steps as functions, against a running localcloud."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential
from localcloud.core_tools import site_settings
from localcloud.home import Home

from runs.settings import App
from services.clients import Clients


@pytest.fixture
def clients(cloud_home: Home, trusted: None) -> Iterator[Clients]:
    """The clients of an app on the localcloud of `cloud_home`, with the app's managed identity."""
    settings = App.read(site_settings(cloud_home))
    with DefaultAzureCredential() as credential, RequestsTransport() as transport:
        yield Clients(settings, credential, transport)


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return uuid4().hex[:12]
