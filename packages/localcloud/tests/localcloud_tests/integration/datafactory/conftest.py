"""A cloud whose pool is ready at once, because its nodes use this process's own Python.

Commands of these tests are small Python programs, uploaded as a run's code or given on the command line.
"""

import asyncio
import contextlib
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError
from azure.identity import DefaultAzureCredential
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.mgmt.datafactory.models import (
    LinkedServiceResource,
    PipelineResource,
    PipelineRun,
    RunFilterParameters,
    RunQueryFilter,
)
from azure.storage.blob import BlobClient, BlobServiceClient
from localcloud.home import SUBSCRIPTION, Home, Ports
from localcloud.plain_http import no_trust
from localcloud.storage import emulator, publishing
from localcloud.tokens import Tokens

from localcloud_tests.integration.conftest import serve, start_cloud
from localcloud_tests.resources import FACTORY, RESOURCE_GROUP, blob_url

CODE = "code-of-tests"
ENDED = ("Succeeded", "Failed", "Cancelled")
PYTHON = shlex.quote(sys.executable)


@dataclass
class Stack:
    """Azurite and the cloud of one home. Tests can stop and start the cloud."""

    home: Home
    environment: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        serve(self.home, node_environment=self.environment)
        self.process = start_cloud(self.home)

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait(timeout=30)

    def kill(self) -> None:
        """Kill the cloud, which cannot clean up."""
        assert self.process
        self.process.kill()
        self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environment = tmp_path_factory.mktemp("environment")
    (environment / "bin").mkdir()
    (environment / "bin" / "python").symlink_to(sys.executable)
    home = Home.open(tmp_path_factory.mktemp("home") / "factory", Ports.free())
    publishing.publish(home, Tokens(home))
    azurite = asyncio.run(emulator.start(home))
    stack = Stack(home, environment)
    try:
        stack.start()
        yield stack
        stack.stop()
    finally:
        azurite.terminate()
        azurite.wait(timeout=20)


@dataclass
class Factory:
    """The deployed factory, used through the real client, with helpers for the tests."""

    stack: Stack
    client: DataFactoryManagementClient
    blobs: BlobServiceClient
    credential: TokenCredential
    scope: tuple[str, str] = field(default=(RESOURCE_GROUP, FACTORY))

    @property
    def home(self) -> Home:
        return self.stack.home

    def publish(self, name: str, *activities: dict[str, Any], **properties: Any) -> None:
        definition = {"properties": {"activities": list(activities), **properties}}
        self.client.pipelines.create_or_update(*self.scope, name, PipelineResource(definition))

    def start(self, name: str, **parameters: Any) -> str:
        run_id = self.client.pipelines.create_run(*self.scope, name, parameters=parameters).run_id
        assert run_id
        return run_id

    def run(self, run_id: str) -> PipelineRun:
        return self.client.pipeline_runs.get(*self.scope, run_id)

    def ended(self, run_id: str) -> PipelineRun:
        """Wait until the run has ended and return it."""
        wait_until(lambda: self.run(run_id).status in ENDED)
        return self.run(run_id)

    def activities(self, run_id: str) -> list[Any]:
        """The activity runs (models of the client, whose output and error are any JSON), oldest first."""
        answer = self.client.activity_runs.query_by_pipeline_run(*self.scope, run_id, window())
        return list(reversed(answer.value))

    def link(self, name: str, type_: str, **type_properties: Any) -> None:
        resource = LinkedServiceResource({"properties": {"type": type_, "typeProperties": type_properties}})
        self.client.linked_services.create_or_update(*self.scope, name, resource)

    def upload(self, folder: str, **files: str) -> str:
        """Upload code to a folder of the tests' container; return its folderPath. `__` in a name is a dot."""
        for name, text in files.items():
            self.upload_as(f"{folder}/{name.replace('__', '.')}", text)
        return f"{CODE}/{folder}"

    def upload_as(self, name: str, text: str) -> None:
        with contextlib.suppress(ResourceExistsError):
            self.blobs.create_container(CODE)
        self.blobs.get_blob_client(CODE, name).upload_blob(text.encode(), overwrite=True)

    def text(self, url: str) -> str:
        """The text of a blob that an activity's output names."""
        with BlobClient.from_blob_url(url, credential=self.credential) as blob:
            return blob.download_blob().readall().decode()

    def tasks(self, state: str = "running") -> list[dict[str, Any]]:
        answer = self.control("GET", "batch/tasks")
        return [task for task in answer.json()["value"] if task["state"] == state]

    def control(self, method: str, path: str, json: Any = None) -> httpx.Response:
        answer = httpx.request(
            method,
            f"{self.home.control_url}/{path}",
            headers={"X-Localcloud-Key": self.home.control_key},
            json=json,
            verify=no_trust(),
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return answer


@pytest.fixture
def factory(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Factory]:
    home = stack.home
    for name, value in {**home.trust(), **home.identity("person")}.items():
        monkeypatch.setenv(name, value)
    with (
        DefaultAzureCredential() as credential,
        DataFactoryManagementClient(
            credential,
            SUBSCRIPTION,
            base_url=home.resource_manager,
            credential_scopes=[f"{home.resource_manager}/.default"],
        ) as client,
        BlobServiceClient(blob_url(home), credential=credential) as blobs,
    ):
        factory = Factory(stack, client, blobs, credential)
        yield factory
        factory.control("DELETE", "faults")


def custom(name: str, command: str, **fields: Any) -> dict[str, Any]:
    """A Custom activity on the deployed pool. Fields of typeProperties are given as `type_properties`."""
    type_properties = fields.pop("type_properties", {})
    if folder := fields.pop("folder", None):
        type_properties |= {"folderPath": folder, "resourceLinkedService": reference("storage")}
    return {
        "name": name,
        "type": "Custom",
        "linkedServiceName": reference("batch"),
        "typeProperties": {"command": command, **type_properties},
        **fields,
    }


def reference(name: str) -> dict[str, str]:
    return {"referenceName": name, "type": "LinkedServiceReference"}


def after(activity: str, *conditions: str) -> list[dict[str, Any]]:
    return [{"activity": activity, "dependencyConditions": list(conditions)}]


def python(code: str) -> str:
    """A command line that runs `code`."""
    return shlex.join([sys.executable, "-c", code])


def window(*filters: RunQueryFilter, **fields: Any) -> RunFilterParameters:
    now = datetime.now(UTC)
    return RunFilterParameters(
        last_updated_after=now - timedelta(days=1),
        last_updated_before=now + timedelta(minutes=1),
        filters=list(filters) or None,
        **fields,
    )


def wait_until(condition: Callable[[], bool], limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
