"""A restart of the cloud: what is kept and what ends."""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from azure.ai.ml.entities import BatchEndpoint
from localcloud.home import Home, Ports
from localcloud.storage import emulator, publishing
from localcloud.tokens import Tokens

from localcloud_tests.integration.conftest import serve, start_cloud
from localcloud_tests.integration.machinelearning.conftest import (
    Workbench,
    scoring_process,
    wait_until,
    workbench_of,
)


class Restartable:
    """A cloud process that a test can stop and start again with the same home and storage."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.process = start_cloud(home)

    def restart(self, *, killed: bool = False) -> None:
        self.end(killed=killed)
        self.process = start_cloud(self.home)

    def end(self, *, killed: bool = False) -> None:
        self.process.kill() if killed else self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def cloud(node_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restartable]:
    """A second cloud, with storage of its own, so that the session's cloud is not restarted."""
    home = Home.open(tmp_path_factory.mktemp("restarted") / "cloud", Ports.free())
    publishing.publish(home, Tokens(home))
    azurite = asyncio.run(emulator.start(home))
    serve(home, node_environment=node_environment)
    try:
        cloud = Restartable(home)
        yield cloud
        cloud.end()
    finally:
        azurite.terminate()
        azurite.wait(timeout=20)


@pytest.fixture(scope="module")
def workbench(cloud: Restartable, model_files: Path) -> Iterator[Workbench]:
    with workbench_of(cloud.home, model_files) as workbench:
        yield workbench


def test_resources_are_kept_and_what_was_unfinished_ends(cloud: Restartable, workbench: Workbench) -> None:
    workbench.compute()
    slow = workbench.model("slow")
    endpoint = workbench.endpoint(tags={"a": "b"})
    deployment = workbench.deploy(endpoint, slow)
    workbench.make_default(endpoint, deployment)
    job = workbench.invoke(endpoint, deployment, workbench.upload("restart/sample.csv", "a,b\n0.0,1.0\n"))
    process = wait_until(lambda: scoring_process(job))
    with workbench.fault(point="machinelearning.endpoint", action="delay", seconds=600, times=None):
        for name in ("half-made", endpoint):
            workbench.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=name))
        # Before the fault is disarmed, which would let the updates go on at once.
        cloud.restart()

    assert not process.is_running()
    assert workbench.ml.models.get(slow.name, slow.version).path == slow.path
    assert workbench.ml.compute.get("cpu").provisioning_state == "Succeeded"
    kept = workbench.ml.batch_endpoints.get(endpoint)
    assert (kept.tags, kept.defaults.deployment_name) == ({"a": "b"}, deployment)
    assert kept.provisioning_state == "Failed"
    assert workbench.ml.batch_endpoints.get("half-made").provisioning_state == "Failed"
    assert workbench.ml.batch_deployments.get(deployment, endpoint).provisioning_state == "Succeeded"
    assert workbench.ml.jobs.get(job).status == "Failed"


def test_a_scoring_process_does_not_outlive_a_cloud_that_is_killed(
    cloud: Restartable, workbench: Workbench
) -> None:
    workbench.compute()
    endpoint = workbench.endpoint()
    deployment = workbench.deploy(endpoint, workbench.model("slow"))
    job = workbench.invoke(endpoint, deployment, workbench.upload("killed/sample.csv", "a,b\n0.0,1.0\n"))
    process = wait_until(lambda: scoring_process(job))
    cloud.end(killed=True)
    psutil.wait_procs([process], timeout=20)
    assert not process.is_running()
    cloud.restart()
    assert workbench.ml.jobs.get(job).status == "Failed"
