"""A pytest plugin: fixtures that give the tests of any app a running localcloud.

Pytest loads the plugin wherever localcloud is installed. An app's conftest.py says what the cloud serves:

    @pytest.fixture(scope="session")
    def localcloud_spec() -> Callable[[Home], CloudSpec]:
        return lambda home: CloudSpec(resources(home), app=Path("app"))

and its tests use the cloud through Azure's own SDKs:

    def test_a_reading_is_kept(localcloud: LocalCloud) -> None:
        home = localcloud.home
        url = home.storage_url("readings")
        blobs = BlobServiceClient(url, credential=localcloud.credential(), proxies=home.proxies)

The cloud starts when the first test asks for it. It stops, and its home is deleted, when the session ends.
Under pytest-xdist, every process has its own cloud.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Pytest loads this module in every session of an environment that has localcloud, so what is imported here
# costs every session, whether or not it uses the fixtures.
if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from localcloud.controls import Controls
    from localcloud.home import Home
    from localcloud.spec import CloudSpec
    from localcloud.stack import Stack

    Spec = CloudSpec | Callable[[Home], CloudSpec]


@dataclass(frozen=True)
class LocalCloud:
    """A running cloud, as tests use it. `home` has its addresses, `stack` its processes."""

    stack: "Stack"

    @property
    def home(self) -> "Home":
        return self.stack.home

    @property
    def controls(self) -> "Controls":
        """The cloud's controls, which Azure does not have: faults, deliveries, redelivery."""
        return self.stack.controls

    @property
    def function_key(self) -> str:
        """A key that the app's HTTP functions accept (header x-functions-key)."""
        from localcloud.functions import keys

        return keys.load(self.home.root / "keys.json").master

    def credential(self, principal: str = "person") -> "TokenCredential":
        """The credential of a carrier's identity ("person", "site", "pool"), or of an added person."""
        from localcloud.credentials import Principal

        return Principal(self.home, principal)

    def environment(self, principal: str = "person") -> dict[str, str]:
        """The variables that point DefaultAzureCredential and the SDKs to the cloud, as `principal`."""
        return {
            "ARM_CLOUD_METADATA_URL": self.home.metadata_url,
            **self.home.identity(principal),
            **self.home.trust(),
        }

    def fault(
        self, point: str, action: str, where: Mapping[str, str] | None = None, **how: Any
    ) -> AbstractContextManager[str]:
        """Arm a fault for the block; see localcloud.faults.Fault for the points and their actions."""
        return self.controls.fault(point, action, where, **how)


@pytest.fixture(scope="session")
def localcloud_spec() -> "Spec":
    """What the cloud serves: a specification, or a function that makes one for the cloud's home.

    Override it in conftest.py. A directory that overrides it has a cloud of its own. Unless overridden, the
    cloud is empty.
    """
    from localcloud.spec import CloudSpec

    return CloudSpec()


@pytest.fixture(scope="session")
def localcloud_clouds() -> "Iterator[Callable[[Spec], LocalCloud]]":
    """A function that returns the session's cloud for a specification, which starts at the first call."""
    from localcloud import stack
    from localcloud.home import Home, Ports

    # The specification is kept, so that its id stays its own.
    started: dict[int, tuple[Spec, LocalCloud]] = {}
    with ExitStack() as clouds:

        def cloud(spec: "Spec") -> LocalCloud:
            if id(spec) not in started:
                folder = clouds.enter_context(tempfile.TemporaryDirectory(prefix="localcloud-"))
                home = Home.open(Path(folder) / "home", Ports.free())
                served = spec(home) if callable(spec) else spec
                started[id(spec)] = spec, LocalCloud(clouds.enter_context(stack.start(home, served)))
            return started[id(spec)][1]

        yield cloud


# Of a module, because a fixture of the session would give the first directory's cloud to all others, too.
@pytest.fixture(scope="module")
def localcloud(localcloud_spec: "Spec", localcloud_clouds: "Callable[[Spec], LocalCloud]") -> LocalCloud:
    """The cloud that serves `localcloud_spec`, running and healthy. It is shared by the whole session.

    Raises StackError (localcloud.parts) if a part of it cannot be started.
    """
    return localcloud_clouds(localcloud_spec)


@pytest.fixture
def localcloud_environment(localcloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> LocalCloud:
    """The cloud; during the test, this process's environment is that of the cloud's person.

    For code that makes its own DefaultAzureCredential or MLClient.
    """
    for name, value in localcloud.environment().items():
        monkeypatch.setenv(name, value)
    # MLClient leaves the name of the cloud that it found in the environment.
    monkeypatch.setenv("AZUREML_CURRENT_CLOUD", "")
    monkeypatch.delenv("AZUREML_CURRENT_CLOUD")
    return localcloud
