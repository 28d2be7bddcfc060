"""The product's steps as plain functions against a real cloud: its settings, and clients made anew."""

import contextlib
from collections.abc import Iterator
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceExistsError
from localcloud.home import CONTAINER, FACTORY, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, Home

from runs import settings
from services import clients

CACHED = [each for each in vars(clients).values() if hasattr(each, "cache_clear")]


@pytest.fixture
def app(cloud_home: Home, trusted: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[settings.App]:
    """The settings of an app that belongs to `cloud_home`; its clients are made anew."""
    for name, value in {
        "TOUCHDOWN_SUBSCRIPTION_ID": SUBSCRIPTION,
        "TOUCHDOWN_RESOURCE_GROUP": RESOURCE_GROUP,
        "TOUCHDOWN_WORKSPACE": WORKSPACE,
        "TOUCHDOWN_DATA_FACTORY": FACTORY,
        "TOUCHDOWN_STORAGE_URL": cloud_home.blob_url,
        "TOUCHDOWN_CONTAINER": CONTAINER,
        "TOUCHDOWN_RESOURCE_MANAGER_URL": cloud_home.resource_manager,
        "TOUCHDOWN_TOPIC_ENDPOINT": cloud_home.topic_endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    forget()
    with contextlib.suppress(ResourceExistsError):
        clients.container().create_container()
    yield settings.app()
    forget()


def forget() -> None:
    settings.app.cache_clear()
    for each in CACHED:
        each.cache_clear()


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return uuid4().hex[:12]
