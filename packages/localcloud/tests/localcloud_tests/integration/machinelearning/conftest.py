"""A separate cloud for Azure ML, which scores in the nodes' environment."""

import contextlib
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import httpx
import psutil
import pytest
from azure.ai.ml import Input, MLClient, Output
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    IdentityConfiguration,
    ManagedIdentityConfiguration,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient, ContainerClient
from localcloud.home import REGION, SUBSCRIPTION, Home
from localcloud.plain_http import no_trust

from localcloud_tests.integration.conftest import NODE_ENVIRONMENT, serve, start_cloud
from localcloud_tests.resources import RESOURCE_GROUP, WORKSPACE, blob_url

DATASTORE_PATHS = "azureml://datastores/workspaceblobstore/paths"
COMPUTE = "cpu"


@pytest.fixture(scope="session")
def node_environment() -> Path:
    if not (NODE_ENVIRONMENT / "bin" / "python").exists():
        pytest.skip(f"{NODE_ENVIRONMENT} is missing: run `make setup`")
    return NODE_ENVIRONMENT


@pytest.fixture(scope="session")
def cloud_home(azurite_home: Home, node_environment: Path) -> Iterator[Home]:
    """A home whose Azurite and cloud process are running, the latter with the nodes' environment."""
    serve(azurite_home, node_environment=node_environment)
    process = start_cloud(azurite_home)
    yield azurite_home
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture(scope="session")
def model_files(node_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `plain`, `slow` and `mixed`: real MLflow models; see train_models.py."""
    folder = tmp_path_factory.mktemp("models")
    python = node_environment / "bin" / "python"
    script = Path(__file__).with_name("train_models.py")
    subprocess.run(
        [python, script, folder, "plain", "slow", "mixed"],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": ""},
    )
    return folder


@contextlib.contextmanager
def environment_of(home: Home) -> Iterator[None]:
    """Make this process trust the cloud and be its person."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            **home.trust(),
            **home.identity("person"),
            "ARM_CLOUD_METADATA_URL": home.metadata_url,
        }.items():
            patch.setenv(name, value)
        # MLClient leaves the name of the cloud that it found in the environment.
        patch.setenv("AZUREML_CURRENT_CLOUD", "")
        patch.delenv("AZUREML_CURRENT_CLOUD")
        yield


SELDOM = 0.3
"""Seconds between two questions whether a job has ended: MLClient takes 40 ms of a processor for each."""


def wait_until(done: Callable[[], Any], limit: float = 60, pause: float = 0.1) -> Any:
    """Wait until `done` returns a true value, and return it. pause: seconds between two calls."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if result := done():
            return result
        time.sleep(pause)
    raise AssertionError(f"not within {limit} seconds")


def scoring_process(job: str) -> psutil.Process | None:
    """The scoring process of a job, or None if there is none."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd().endswith(f"/jobs/{job}"):
                return process
    return None


@dataclass(frozen=True)
class Workbench:
    """MLClient on one cloud, with helpers for the tests."""

    home: Home
    ml: MLClient
    models: Path
    credential: TokenCredential
    blobs: BlobServiceClient
    http: httpx.Client

    @cached_property
    def container(self) -> ContainerClient:
        """That of the default datastore."""
        return self.blobs.get_container_client(self.ml.datastores.get_default().container_name)

    def upload(self, path: str, data: bytes | str) -> str:
        self.container.upload_blob(path, data, overwrite=True)
        return f"{DATASTORE_PATHS}/{path}"

    def upload_model(self, kind: str = "plain", **replaced: str | None) -> str:
        """The URI of a model folder; `MLmodel=text` replaces a file, `MLmodel=None` leaves it out."""
        folder = f"models/{uuid4().hex}"
        files = {file.name: file.read_bytes() for file in (self.models / kind).iterdir()}
        for name, text in replaced.items():
            files.pop(name, None)
            if text is not None:
                files[name] = text.encode()
        for name, data in files.items():
            self.upload(f"{folder}/{name}", data)
        return f"{DATASTORE_PATHS}/{folder}"

    def register(self, path: str, name: str = "", **more: Any) -> Model:
        name = name or f"model-{uuid4().hex[:8]}"
        return self.ml.models.create_or_update(Model(name=name, path=path, type="mlflow_model", **more))

    def model(self, kind: str = "plain") -> Model:
        return self.register(self.upload_model(kind))

    def compute(self, name: str = COMPUTE, nodes: int = 2, identity: str = "") -> str:
        """A cluster. identity: the resource id of its user-assigned identity, if it has one."""
        own = [ManagedIdentityConfiguration(resource_id=identity)]
        given = IdentityConfiguration(type="user_assigned", user_assigned_identities=own)
        self.ml.compute.begin_create_or_update(
            AmlCompute(
                name=name,
                size="Standard_DS3_v2",
                min_instances=0,
                max_instances=nodes,
                identity=given if identity else None,
            )
        ).result()
        return name

    def identity(self, name: str) -> str:
        """Make a user-assigned identity and return its resource id."""
        id_ = (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers"
            f"/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        )
        answer = self.request("PUT", f"{id_}?api-version=2023-01-31", json={"location": REGION})
        assert answer.status_code == 201, answer.text
        return id_

    def endpoint(self, **more: Any) -> str:
        name = f"ep-{uuid4().hex[:8]}"
        self.ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name=name, **more))
        self.settled(lambda: self.ml.batch_endpoints.get(name))
        return name

    def deployment(
        self, endpoint: str, model: Model, name: str = "", **settings: Any
    ) -> ModelBatchDeployment:
        compute = settings.pop("compute", COMPUTE)
        return ModelBatchDeployment(
            name=name or f"dep-{uuid4().hex[:8]}",
            endpoint_name=endpoint,
            model=model.id,
            compute=compute,
            settings=ModelBatchDeploymentSettings(**({"mini_batch_size": 10} | settings)),
        )

    def deploy(self, endpoint: str, model: Model, name: str = "", **settings: Any) -> str:
        """Make a deployment, wait until it has succeeded, and return its name."""
        wanted = self.deployment(endpoint, model, name, **settings)
        self.ml.batch_deployments.begin_create_or_update(wanted)
        made = self.settled(lambda: self.ml.batch_deployments.get(wanted.name, endpoint))
        assert made.provisioning_state == "Succeeded"
        return str(wanted.name)

    def make_default(self, endpoint: str, deployment: str) -> None:
        document = self.ml.batch_endpoints.get(endpoint)
        document.defaults = {"deployment_name": deployment}
        self.ml.batch_endpoints.begin_create_or_update(document)
        self.settled(lambda: self.ml.batch_endpoints.get(endpoint))

    def settled(self, get: Callable[[], Any]) -> Any:
        """Wait until no operation changes the resource, and return it."""
        return wait_until(
            lambda: (got := get()).provisioning_state not in ("Creating", "Updating", "Deleting") and got
        )

    def invoke(
        self, endpoint: str, deployment: str, data: str, output: str = "", kind: str = "uri_file"
    ) -> str:
        """The name of a scoring job."""
        outputs = {"score": Output(type="uri_file", path=output)} if output else None
        return str(
            self.ml.batch_endpoints.invoke(
                endpoint_name=endpoint,
                deployment_name=deployment,
                input=Input(type=kind, path=data),
                outputs=outputs,
            ).name
        )

    def ended(self, job: str) -> Any:
        """Wait until the job has ended, and return it."""
        return wait_until(
            lambda: (got := self.ml.jobs.get(job)).status in ("Completed", "Failed", "Canceled") and got,
            pause=SELDOM,
        )

    def request(self, method: str, path: str, resource: str = "", **more: Any) -> httpx.Response:
        """Send a plain HTTP request with a token for `resource`, by default Resource Manager.

        path: a path of Resource Manager, or a whole URL.
        """
        resource = resource or self.home.resource_manager
        token = self.credential.get_token(f"{resource}/.default").token
        headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
        return self.http.request(method, urljoin(self.home.resource_manager, path), headers=headers, **more)

    def arm(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request for a resource of the workspace, with an api-version."""
        base = (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
        )
        joiner = "&" if "?" in path else "?"
        return self.request(method, f"{base}/{path}{joiner}api-version=2024-01-01-preview", **more)

    def score(self, endpoint: str, body: Any, **more: Any) -> httpx.Response:
        """Invoke an endpoint without the SDK."""
        resource = more.pop("resource", "https://ml.azure.com")
        uri = f"https://{self.home.scoring_host(endpoint, REGION)}/jobs"
        return self.request("POST", uri, resource, json=body, **more)

    @contextlib.contextmanager
    def fault(self, **fault: Any) -> Iterator[None]:
        """A fault that is armed during the block."""
        headers = {"X-Localcloud-Key": self.home.control_key}
        url = f"{self.home.control_url}/faults"
        with httpx.Client(verify=no_trust(), trust_env=False, headers=headers) as controls:
            armed = controls.post(url, json=fault)
            assert armed.status_code == 201, armed.text
            try:
                yield
            finally:
                controls.delete(f"{url}/{armed.json()['id']}")


@contextlib.contextmanager
def workbench_of(home: Home, models: Path) -> Iterator[Workbench]:
    """Clients like the app's, which are closed after the block; MLClient by its transport."""
    with (
        environment_of(home),
        DefaultAzureCredential() as credential,
        RequestsTransport() as transport,
        BlobServiceClient(blob_url(home), credential=credential) as blobs,
        httpx.Client(verify=ssl.create_default_context(cafile=home.ca_bundle), proxy=home.proxy) as http,
    ):
        ml = MLClient(credential, SUBSCRIPTION, RESOURCE_GROUP, WORKSPACE, transport=transport)
        yield Workbench(home, ml, models, credential, blobs, http)


@pytest.fixture(scope="module")
def bench(cloud_home: Home, model_files: Path) -> Iterator[Workbench]:
    """A client like the app's, on the session's cloud."""
    with workbench_of(cloud_home, model_files) as workbench:
        yield workbench
