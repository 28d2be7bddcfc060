"""A cloud with Touchdown's resources, but without its app: the steps of a run call real services.

`cloud_home` is one cloud for the whole session; tests keep apart by the names they use.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from localcloud.home import Home
from localcloud.identities import client_id_of
from localcloud.pytest_plugin import LocalCloud
from localcloud.spec import CloudSpec

from tests.checkout import CHECKOUT
from tests.integration import actors
from touchdown import local
from touchdown.local.names import identity_id


@pytest.fixture(scope="session")
def localcloud_spec() -> Callable[[Home], CloudSpec]:
    def without_app(_: Home) -> CloudSpec:
        return replace(local.spec(CHECKOUT), app=None)

    return without_app


@pytest.fixture(scope="module")
def cloud_home(localcloud: LocalCloud) -> Home:
    """The home of the session's running cloud, with everything deployed but the app's code."""
    local.deploy(localcloud.home, CHECKOUT, code=False)
    actors.work_in(localcloud.home)
    return localcloud.home


@pytest.fixture(autouse=True)
def no_fault_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a fault armed: the cloud is that of the tests that follow, too."""
    yield
    if "localcloud" in request.fixturenames:
        cloud: LocalCloud = request.getfixturevalue("localcloud")
        assert cloud.controls.faults() == []


@pytest.fixture
def trusted(localcloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process trust the cloud and use its `app` identity, so that the SDKs work as in the app."""
    for name, value in localcloud.environment("site").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_CLIENT_ID", client_id_of(identity_id("app")))
    # MLClient leaves the name of the cloud that it found in the environment, for the tests of other clouds.
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "")
    monkeypatch.delenv("AZUREML_CURRENT_CLOUD")
