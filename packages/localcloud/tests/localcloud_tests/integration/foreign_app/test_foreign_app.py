"""localcloud serves the app of another project: its functions, its pipeline and its model."""

import csv
import io
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.ai.ml import Input, MLClient, Output
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.storage.blob import BlobServiceClient
from localcloud.controls import Controls, ControlsError
from localcloud.home import SUBSCRIPTION, Home, Ports
from localcloud.plain_http import no_trust
from localcloud.pytest_plugin import LocalCloud

from localcloud_tests.integration.foreign_app.conftest import (
    FACTORY,
    GROUP,
    GROUP_ID,
    STORAGE_ACCOUNT,
    WORKSPACE,
    wait_until,
)

pytestmark = pytest.mark.integration


def call(cloud: LocalCloud, method: str, path: str, **request: Any) -> httpx.Response:
    """A request to one of the app's HTTP functions, with a function key."""
    url = f"{cloud.home.functions_url}/api/{path}"
    return httpx.request(
        method,
        url,
        headers={"x-functions-key": cloud.function_key},
        verify=no_trust(),
        trust_env=False,
        **request,
    )


def blobs(cloud: LocalCloud) -> BlobServiceClient:
    return BlobServiceClient(
        cloud.home.storage_url(STORAGE_ACCOUNT),
        credential=cloud.credential(),
        connection_verify=str(cloud.home.ca_bundle),
        proxies=cloud.home.proxies,
    )


def test_an_http_function_answers_with_the_settings_of_its_site(localcloud: LocalCloud) -> None:
    answer = call(localcloud, "GET", "beds/basil")
    assert answer.json() == {"bed": "basil", "litres": 1, "house": "kew"}
    assert call(localcloud, "GET", "beds/roses").status_code == 404
    url = f"{localcloud.home.functions_url}/api/beds/basil"
    assert httpx.get(url, verify=no_trust(), trust_env=False).status_code == 401


def test_an_orchestration_calls_its_activities_to_the_end(localcloud: LocalCloud) -> None:
    started = call(localcloud, "POST", "waterings", json={"beds": ["tomatoes", "basil"]})
    assert started.status_code == 202, started.text
    status = started.json()["statusQueryGetUri"]

    def ended() -> dict[str, Any] | None:
        state: dict[str, Any] = httpx.get(status, verify=no_trust(), trust_env=False).json()
        return state if state["runtimeStatus"] == "Completed" else None

    assert wait_until(ended)["output"] == {"tomatoes": 4, "basil": 1}


def test_a_function_is_called_for_each_blob_that_its_subscription_selects(localcloud: LocalCloud) -> None:
    with blobs(localcloud) as storage:
        storage.get_blob_client("code", "fern.jpg").upload_blob(b"not a photo", overwrite=True)
        storage.get_blob_client("photos", "fern.jpg").upload_blob(b"a photo", overwrite=True)

        def thumbnail() -> bytes | None:
            try:
                return storage.get_blob_client("thumbnails", "fern.jpg.txt").download_blob().readall()
            except ResourceNotFoundError:
                return None

        assert wait_until(thumbnail) == b"7 bytes"

    def answered() -> list[dict[str, Any]] | None:
        found = localcloud.controls.deliveries(subscription="thumbnails")
        return found if all(each["state"] == "Delivered" for each in found) else None

    assert len(wait_until(answered)) == 1


def test_a_pipeline_runs_a_program_on_a_batch_node(localcloud_environment: LocalCloud) -> None:
    cloud = localcloud_environment
    with blobs(cloud) as storage:
        storage.get_blob_client("code", "measure/measure.py").upload_blob(
            b"import json\njson.dump({'celsius': 21.5}, open('outputs.json', 'w'))\n", overwrite=True
        )
    manager = cloud.home.resource_manager
    with DataFactoryManagementClient(
        cloud.credential(), SUBSCRIPTION, base_url=manager, credential_scopes=[f"{manager}/.default"]
    ) as factories:
        run_id = str(factories.pipelines.create_run(GROUP, FACTORY, "measure").run_id)

        def ended() -> str | None:
            status = factories.pipeline_runs.get(GROUP, FACTORY, run_id).status
            return status if status in ("Succeeded", "Failed", "Cancelled") else None

        assert wait_until(ended) == "Succeeded"
        with httpx.Client(
            verify=ssl.create_default_context(cafile=cloud.home.ca_bundle), proxy=cloud.home.proxy
        ) as http:
            answer = http.post(
                f"{manager}{GROUP_ID}/providers/Microsoft.DataFactory/factories/{FACTORY}"
                f"/pipelineruns/{run_id}/queryActivityruns",
                params={"api-version": "2018-06-01"},
                headers={
                    "Authorization": f"Bearer {cloud.credential().get_token(f'{manager}/.default').token}"
                },
                json={
                    "lastUpdatedAfter": "2020-01-01T00:00:00Z",
                    "lastUpdatedBefore": "2100-01-01T00:00:00Z",
                },
            )
    [activity] = answer.json()["value"]
    assert activity["output"]["customOutput"] == {"celsius": 21.5}


def test_a_model_is_deployed_to_a_batch_endpoint_and_scores(
    localcloud_environment: LocalCloud, model_folder: Path
) -> None:
    cloud = localcloud_environment
    with blobs(cloud) as storage:
        ml = MLClient(cloud.credential(), SUBSCRIPTION, GROUP, WORKSPACE)
        container = storage.get_container_client(ml.datastores.get_default().container_name)
        for file in model_folder.iterdir():
            container.upload_blob(f"models/ripeness/{file.name}", file.read_bytes(), overwrite=True)
        container.upload_blob("plants.csv", b"a,b\n0,1\n3,0\n", overwrite=True)
        paths = "azureml://datastores/workspaceblobstore/paths"
        model = ml.models.create_or_update(
            Model(name="ripeness", path=f"{paths}/models/ripeness", type="mlflow_model")
        )
        ml.compute.begin_create_or_update(
            AmlCompute(name="shed", size="Standard_DS3_v2", min_instances=0, max_instances=1)
        ).result()
        ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="ripeness")).result()
        ml.batch_deployments.begin_create_or_update(
            ModelBatchDeployment(
                name="first",
                endpoint_name="ripeness",
                model=model.id,
                compute="shed",
                settings=ModelBatchDeploymentSettings(mini_batch_size=1),
            )
        ).result()
        job = ml.batch_endpoints.invoke(
            endpoint_name="ripeness",
            deployment_name="first",
            input=Input(type="uri_file", path=f"{paths}/plants.csv"),
            outputs={"score": Output(type="uri_file", path=f"{paths}/ripeness/predictions.csv")},
        )
        assert wait_until(lambda: ended(ml, str(job.name))) == "Completed"
        scored = container.download_blob("ripeness/predictions.csv").readall().decode()
    assert [row[1] for row in csv.reader(io.StringIO(scored))] == ["low", "high"]


def ended(ml: MLClient, job: str) -> str | None:
    status = ml.jobs.get(job).status
    return status if status in ("Completed", "Failed", "Canceled") else None


def test_a_fault_is_armed_within_its_block_only(localcloud: LocalCloud) -> None:
    manager = localcloud.home.resource_manager
    with DataFactoryManagementClient(
        localcloud.credential(),
        SUBSCRIPTION,
        base_url=manager,
        credential_scopes=[f"{manager}/.default"],
        connection_verify=str(localcloud.home.ca_bundle),
        proxies=localcloud.home.proxies,
        retry_total=0,
    ) as factories:
        with localcloud.fault("http", "error", {"path": FACTORY}), pytest.raises(HttpResponseError):
            factories.factories.get(GROUP, FACTORY)
        found = factories.factories.get(GROUP, FACTORY)
    assert found is not None
    assert found.name == FACTORY
    assert localcloud.controls.faults() == []


def test_controls_say_that_a_cloud_does_not_run(tmp_path: Path) -> None:
    with (
        Controls(Home.open(tmp_path / "home", Ports.free())) as controls,
        pytest.raises(ControlsError, match="nothing listens"),
    ):
        controls.faults()
