"""One stage for all proofs: a cloud with Touchdown's resources, and the app's clients in this process."""

from collections.abc import Iterator
from contextlib import nullcontext
from uuid import uuid4

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential
from localcloud.core_tools import site_settings
from localcloud.home import Home
from localcloud.identities import client_id_of
from localcloud.pytest_plugin import LocalCloud

from runs.settings import App
from services.clients import Clients
from tests.integration.roles.assignments import Assignments
from tests.integration.roles.stage import Stage, Trained
from touchdown.local.names import identity_id


@pytest.fixture(scope="package")
def trained() -> list[Trained]:
    """What has been trained; of several modules, the first trains."""
    return []


@pytest.fixture(scope="module")
def stage(localcloud: LocalCloud, cloud_home: Home, trained: list[Trained]) -> Iterator[Stage]:
    """The stage. When a module ends, the assignments are those with which it began."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in localcloud.environment("site").items():
            patch.setenv(name, value)
        patch.setenv("AZURE_CLIENT_ID", client_id_of(identity_id("app")))
        # MLClient leaves the name of the cloud that it found in the environment.
        patch.setenv("AZUREML_CURRENT_CLOUD", "")
        patch.delenv("AZUREML_CURRENT_CLOUD")
        settings = App.read(site_settings(cloud_home))
        with DefaultAzureCredential() as credential, RequestsTransport() as transport:
            clients = Clients(settings, credential, transport)
            assignments = Assignments(cloud_home)
            before = assignments.all()
            yield Stage(cloud_home, localcloud.controls, clients, assignments, trained)
            after = assignments.all()
            assignments.close()
    assert {each["id"] for each in after.values()} == {each["id"] for each in before.values()}


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, stage: Stage) -> Iterator[str]:
    """A case of tests/bicep; during its tests, the cloud has what the templates deploy in it."""
    with nullcontext() if request.param == "defaults" else stage.assignments.as_in(request.param):
        yield request.param


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return f"t{uuid4().hex[:11]}"
