"""A cloud with Touchdown's resources, but without its app: what the steps of a run call, they call for real.

`cloud_home` is one cloud for the whole session; tests keep apart by the names they use.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from localcloud.home import Home
from localcloud.pytest_plugin import LocalCloud
from localcloud.spec import CloudSpec

from tests.checkout import CHECKOUT
from touchdown import local


@pytest.fixture(scope="session")
def localcloud_spec() -> Callable[[Home], CloudSpec]:
    return lambda home: replace(local.spec(home, CHECKOUT), app=None)


@pytest.fixture
def cloud_home(localcloud: LocalCloud) -> Home:
    """The home of the session's cloud, which runs."""
    return localcloud.home


@pytest.fixture
def trusted(localcloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process trusts the cloud and is its `app` identity: the SDKs work as they do in the app."""
    for name, value in localcloud.environment("app").items():
        monkeypatch.setenv(name, value)
    # MLClient leaves the name of the cloud that it found in the environment, for the tests of other clouds.
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "")
    monkeypatch.delenv("AZUREML_CURRENT_CLOUD")
