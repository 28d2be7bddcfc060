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
from tests.integration.roles.stage import PROVED, Stage, Trained
from touchdown.local.names import identity_id


@pytest.fixture(scope="package")
def trained() -> list[Trained]:
    """What has been trained; of several modules, the first trains."""
    return []


def runs_whole(request: pytest.FixtureRequest) -> bool:
    """Whether nobody has chosen some tests of a module, and all of them have passed so far."""
    config = request.config
    chosen = config.getoption("keyword") or any("::" in each for each in config.args)
    return not chosen and not request.session.testsfailed


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest, localcloud: LocalCloud, cloud_home: Home, trained: list[Trained]
) -> Iterator[Stage]:
    """The stage. When a module ends, the assignments are those with which it began.

    Its tests have by then taken away the assignments that they say they prove, and no others.
    """
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
    told = PROVED[request.module.__name__]
    assert assignments.taken <= told
    if runs_whole(request):
        assert assignments.taken == told


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, stage: Stage) -> Iterator[str]:
    """A case of tests/bicep; during its tests, the cloud has what the templates deploy in it."""
    with nullcontext() if request.param == "defaults" else stage.assignments.as_in(request.param):
        yield request.param


@pytest.fixture
def unique() -> str:
    """A name that no other test uses."""
    return f"t{uuid4().hex[:11]}"
