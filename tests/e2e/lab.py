"""The hands-on lab that Touchdown replaces, step by step, with the public SDKs only.

    python tests/e2e/lab.py SETTINGS.json

SETTINGS.json names the subscription, resource_group, workspace, factory, container, resource_manager,
storage_url, connection_string and cluster_identity of the cloud, and the two files of the lab: csv and
main_py. It knows nothing of localcloud: identity, endpoints and trusted certificates come from the
environment, as for any program.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azure.ai.ml import Input, MLClient, Output
from azure.ai.ml.constants import AssetTypes, BatchDeploymentOutputAction
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    IdentityConfiguration,
    ManagedIdentityConfiguration,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.identity import DefaultAzureCredential
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.storage.blob import BlobServiceClient

LIMIT = 240
"""Time limit of one step of the lab, in seconds."""


def until[T](what: str, poll: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        found = poll()
        if found is not None:
            return found
        time.sleep(0.25)
    raise TimeoutError(f"{what} did not happen within {LIMIT} s")


def lab(given: dict[str, str]) -> dict[str, Any]:
    credential = DefaultAzureCredential()
    container = BlobServiceClient(given["storage_url"], credential).get_container_client(given["container"])

    # 1. Upload the data and the code.
    data = Path(given["csv"]).read_text(encoding="utf-8")
    container.upload_blob("datasets/iris_csv.csv", data, overwrite=True)
    for file in Path(given["trainer"]).iterdir():
        if file.suffix in (".py", ".j2", ".yaml"):
            container.upload_blob(f"datasets/{file.name}", file.read_bytes(), overwrite=True)

    # 2. Publish a pipeline with one Custom activity, and trigger it.
    factory = DataFactoryManagementClient(
        credential,
        given["subscription"],
        base_url=given["resource_manager"],
        credential_scopes=[f"{given['resource_manager']}/.default"],
    )
    where = (given["resource_group"], given["factory"])
    command = (
        "python main.py --iris-csv iris_csv.csv --epochs 50 --lr 0.1"
        f' --connectionString "{given["connection_string"]}" --containerName "{given["container"]}/datasets"'
    )
    # As JSON: the models of azure-mgmt-datafactory 10.0.0 send a Custom activity as type "Execution".
    activity = {
        "name": "TrainIris",
        "type": "Custom",
        "linkedServiceName": {"type": "LinkedServiceReference", "referenceName": "batch"},
        "typeProperties": {
            "command": command,
            "resourceLinkedService": {"type": "LinkedServiceReference", "referenceName": "storage"},
            "folderPath": f"{given['container']}/datasets",
        },
    }
    pipeline = json.dumps({"properties": {"activities": [activity]}}).encode()
    factory.pipelines.create_or_update(*where, "lab", io.BytesIO(pipeline))
    run_id = factory.pipelines.create_run(*where, "lab").run_id

    def ended() -> str | None:
        run = factory.pipeline_runs.get(*where, run_id)
        return run.status if run.status in ("Succeeded", "Failed", "Cancelled") else None

    status = until("the end of the pipeline run", ended)
    if status != "Succeeded":
        raise RuntimeError(f"the pipeline run {status}: {factory.pipeline_runs.get(*where, run_id).message}")

    # 3. Browse to the model folder.
    names = [blob.name for blob in container.list_blobs(name_starts_with="datasets/0/")]
    mlmodel = next(name for name in names if name.endswith("/artifacts/model/MLmodel"))
    folder = mlmodel.removesuffix("/MLmodel")

    # 4. Register it, create a cluster, an endpoint and a deployment.
    ml = MLClient(credential, given["subscription"], given["resource_group"], given["workspace"])
    model = ml.models.create_or_update(
        Model(
            name="iris_classification",
            version="1",
            path=f"azureml://datastores/workspaceblobstore/paths/{folder}",
            type=AssetTypes.MLFLOW_MODEL,
        )
    )
    own = ManagedIdentityConfiguration(resource_id=given["cluster_identity"])
    cluster = AmlCompute(
        name="lab-cluster",
        size="Standard_DS3_v2",
        min_instances=0,
        max_instances=1,
        identity=IdentityConfiguration(type="user_assigned", user_assigned_identities=[own]),
    )
    ml.compute.begin_create_or_update(cluster).result(LIMIT)
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="lab-iris")).result(LIMIT)
    ml.batch_deployments.begin_create_or_update(
        ModelBatchDeployment(
            name="classifier",
            endpoint_name="lab-iris",
            model=model,
            compute="lab-cluster",
            settings=ModelBatchDeploymentSettings(
                mini_batch_size=10,
                instance_count=1,
                output_action=BatchDeploymentOutputAction.APPEND_ROW,
                output_file_name="predictions.csv",
            ),
        )
    ).result(LIMIT)
    endpoint = ml.batch_endpoints.get("lab-iris")
    endpoint.defaults = {"deployment_name": "classifier"}
    ml.batch_endpoints.begin_create_or_update(endpoint).result(LIMIT)

    # 5. Invoke it on the data without its label, and read the predictions.
    rows = [line.rsplit(",", 1)[0] for line in data.splitlines()]
    container.upload_blob("scoring/lab/unlabelled.csv", "\n".join(rows) + "\n", overwrite=True)
    job = ml.batch_endpoints.invoke(
        endpoint_name="lab-iris",
        deployment_name="classifier",
        input=Input(
            type=AssetTypes.URI_FILE,
            path="azureml://datastores/workspaceblobstore/paths/scoring/lab/unlabelled.csv",
        ),
        outputs={
            "score": Output(
                type=AssetTypes.URI_FILE,
                path="azureml://datastores/workspaceblobstore/paths/scoring/lab/scored/predictions.csv",
            )
        },
    )

    def scored() -> str | None:
        status = ml.jobs.get(job.name).status
        return (
            str(getattr(status, "value", status)) if status in ("Completed", "Failed", "Canceled") else None
        )

    status = until("the end of the scoring job", scored)
    if status != "Completed":
        raise RuntimeError(f"the scoring job {status}")
    text = container.download_blob("scoring/lab/scored/predictions.csv", encoding="utf-8").readall()
    return {
        "folder": folder,
        "files": [name.removeprefix(f"{folder}/") for name in names if name.startswith(folder)],
        "version": model.version,
        "default": ml.batch_endpoints.get("lab-iris").defaults.deployment_name,
        "predictions": text.splitlines(),
    }


if __name__ == "__main__":
    print(json.dumps(lab(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
