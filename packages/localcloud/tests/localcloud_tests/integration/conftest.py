"""A real cloud for integration tests: Azurite and localcloud's services, each in its own home.

`cloud_home` is one storage-and-cloud pair for the whole session; tests keep apart by the names they use.
The cloud runs as its own process, as it does for users.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from localcloud.home import Home, Ports
from localcloud.plain_http import no_trust
from localcloud.spec import CloudSpec, Resource, spec_file
from localcloud.storage import emulator, publishing
from localcloud.tokens import Tokens

from localcloud_tests.resources import resources

CHECKOUT = Path(__file__).parents[5]
NODE_ENVIRONMENT = Path(os.environ.get("LOCALCLOUD_NODE_ENVIRONMENT") or CHECKOUT / ".venv-trainer")
"""The Python environment, with MLflow, that Batch nodes and scoring use."""


def wait_until_healthy(home: Home, process: "subprocess.Popen[bytes]", limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            answer = httpx.get(
                f"{home.control_url}/health",
                headers={"X-Localcloud-Key": home.control_key},
                verify=no_trust(),
                trust_env=False,
            )
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            assert answer.status_code == 200, answer.text
            return
    raise AssertionError(f"the cloud did not start: {(home.logs / 'cloud.log').read_text()}")


def serve(home: Home, *more: Resource, node_environment: Path = NODE_ENVIRONMENT) -> None:
    """Make the clouds of `home` serve the tests' resources and `more`.

    All clouds share one environment for the nodes, because a pool needs minutes to make one.
    """
    CloudSpec([*resources(home), *more], node_environment=node_environment).write(spec_file(home))


def start_cloud(home: Home) -> "subprocess.Popen[bytes]":
    """Start the cloud process of `home` and wait until it is healthy. The caller ends it."""
    if not spec_file(home).exists():
        serve(home)
    home.logs.mkdir(parents=True, exist_ok=True)
    with (home.logs / "cloud.log").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud.cloud", str(home.root)],
            stdout=out,
            stderr=out,
            env=os.environ | home.trust(),
        )
    wait_until_healthy(home, process)
    return process


@pytest.fixture(scope="session")
def azurite_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose Azurite is running."""
    import asyncio

    home = Home.open(tmp_path_factory.mktemp("home") / "cloud", Ports.free())
    publishing.publish(home, Tokens(home))
    process = asyncio.run(emulator.start(home))
    yield home
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture(scope="session")
def cloud_home(azurite_home: Home) -> Iterator[Home]:
    """A home whose Azurite and cloud process are running."""
    process = start_cloud(azurite_home)
    yield azurite_home
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture
def trusted(cloud_home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this process trust the cloud and be its person, so that the SDKs work as in the app."""
    for name, value in {
        **cloud_home.trust(),
        **cloud_home.identity("person"),
        "ARM_CLOUD_METADATA_URL": cloud_home.metadata_url,
    }.items():
        monkeypatch.setenv(name, value)
    return cloud_home.ca_bundle
