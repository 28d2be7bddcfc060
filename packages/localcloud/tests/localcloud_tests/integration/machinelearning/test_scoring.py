"""Scoring jobs: a real MLflow model in a fresh process, started as the app starts it."""

import csv
import io
from uuid import uuid4

import pytest
from azure.ai.ml.entities import BatchRetrySettings, Model, PipelineJob
from azure.core.exceptions import HttpResponseError
from localcloud.access.built_in import built_in_named
from localcloud.home import REGION, SUBSCRIPTION
from localcloud.identities import object_id_of

from localcloud_tests.integration.machinelearning.conftest import (
    DATASTORE_PATHS,
    Workbench,
    scoring_process,
    wait_until,
)
from localcloud_tests.resources import RESOURCE_GROUP, STORAGE_ACCOUNT

ROWS = "a,b\n0.0,1.0\n3.0,0.0\n"
SCORED = "0,low,{name}\n1,high,{name}\n"


@pytest.fixture(scope="module")
def model(bench: Workbench) -> Model:
    """A model of two columns, and the cluster for it."""
    bench.compute()
    return bench.model()


@pytest.fixture(scope="module")
def endpoint(bench: Workbench, model: Model) -> str:
    return bench.endpoint()


@pytest.fixture(scope="module")
def deployment(bench: Workbench, endpoint: str, model: Model) -> str:
    return bench.deploy(endpoint, model)


def fresh(name: str = "") -> str:
    """A folder of blobs that no other test uses."""
    return f"scoring/{uuid4().hex}{name}"


def predictions(bench: Workbench, path: str) -> str:
    return str(bench.container.download_blob(path).readall().decode())


def reason(bench: Workbench, job: str) -> str:
    """The reason for which a job failed, from the run history, where `jobs.stream` finds it."""
    [child] = bench.ml.jobs.list(parent_job_name=job)
    details = bench.ml.jobs._runs_operations.get_run_details(child.name)
    return str(details.error.error.message)


def error_file(bench: Workbench, job: str, kind: str = "user") -> str:
    [child] = bench.ml.jobs.list(parent_job_name=job)
    blob = f"ExperimentRun/dcid.{child.name}/logs/{kind}/error.txt"
    return str(bench.blobs.get_blob_client("azureml", blob).download_blob().readall().decode())


def test_a_job_scores_a_file_to_the_path_that_it_names(
    bench: Workbench, endpoint: str, deployment: str
) -> None:
    folder = fresh()
    data = bench.upload(f"{folder}/sample.csv", ROWS)
    job = bench.invoke(endpoint, deployment, data, f"{DATASTORE_PATHS}/{folder}/out/predictions.csv")
    seen = bench.ended(job)
    assert isinstance(seen, PipelineJob)
    assert (seen.status, seen.experiment_name) == ("Completed", endpoint)
    assert predictions(bench, f"{folder}/out/predictions.csv") == SCORED.format(name="sample.csv")
    assert job in [each.name for each in bench.ml.jobs.list() if each.experiment_name == endpoint]
    [child] = bench.ml.jobs.list(parent_job_name=job)
    assert (child.display_name, child.status) == ("batchscoring", "Completed")
    assert not (bench.home.root / "jobs" / job).exists()


def test_a_folder_is_scored_file_by_file_and_nested_ones_are_not(
    bench: Workbench, endpoint: str, deployment: str
) -> None:
    """A file of whole numbers is read as the signature says, which has doubles."""
    folder = fresh()
    bench.upload(f"{folder}/in/whole.csv", "a,b\n2,3\n7,5\n")
    for name in ("one.csv", "two.csv", "nested/three.csv"):
        bench.upload(f"{folder}/in/{name}", ROWS)
    output = f"{DATASTORE_PATHS}/{folder}/out.csv"
    job = bench.invoke(endpoint, deployment, f"{DATASTORE_PATHS}/{folder}/in", output, kind="uri_folder")
    assert bench.ended(job).status == "Completed"
    rows = sorted(predictions(bench, f"{folder}/out.csv").splitlines())
    texts = (SCORED.format(name="one.csv"), SCORED.format(name="two.csv"))
    whole = ["0,high,whole.csv", "1,high,whole.csv"]
    assert rows == sorted([*"".join(texts).splitlines(), *whole])


def test_rest_in_pascal_case_goes_to_the_default_deployment(
    bench: Workbench, endpoint: str, deployment: str
) -> None:
    folder = fresh()
    bench.make_default(endpoint, deployment)
    data = bench.upload(f"{folder}/sample.csv", ROWS)
    datastore = bench.ml.datastores.get("workspaceblobstore").id
    body = {
        "Properties": {
            "InputData": {"mnistinput": {"JobInputType": "UriFile", "Uri": data}},
            "OutputData": {
                "score": {"JobOutputType": "UriFile", "Uri": f"{datastore}/paths/{folder}/out.csv"}
            },
        }
    }
    answer = bench.score(endpoint, body)
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert job["name"].startswith("batchjob-")
    assert f"/deployments/{deployment}/jobs/" in job["id"]
    assert bench.ended(job["name"]).status == "Completed"
    uri = f"https://{bench.home.scoring_host(endpoint, REGION)}/jobs/{job['name']}"
    job = bench.request("GET", uri, "https://ml.azure.com").json()
    assert job["properties"]["status"] == "Completed"
    assert predictions(bench, f"{folder}/out.csv") == SCORED.format(name="sample.csv")


def test_without_an_output_the_predictions_go_to_the_jobs_own_folder(
    bench: Workbench, endpoint: str, deployment: str
) -> None:
    data = bench.upload(f"{fresh()}/sample.csv", ROWS)
    job = bench.ended(bench.invoke(endpoint, deployment, data))
    [child] = bench.ml.jobs.list(parent_job_name=job.name)
    path = f"azureml/{child.name}/score/predictions.csv"
    assert predictions(bench, path) == SCORED.format(name="sample.csv")


def test_an_existing_predictions_file_is_not_overwritten(
    bench: Workbench, endpoint: str, deployment: str
) -> None:
    folder = fresh()
    output = bench.upload(f"{folder}/out.csv", "earlier")
    job = bench.invoke(endpoint, deployment, bench.upload(f"{folder}/sample.csv", ROWS), output)
    assert bench.ended(job).status == "Completed"
    assert predictions(bench, f"{folder}/out.csv") == "earlier"


FAILURES = {
    "a missing column": ("sample.csv", "a\n0.0\n", "Model is missing inputs"),
    "another extension": ("sample.txt", ROWS, "File type '.txt' is not supported"),
    "a compressed file": ("sample.csv.gz", ROWS, "File type '.gz' is not supported"),
    "a word for a number": ("sample.csv", "a,b\ntwo,3\n", "could not convert string to float: 'two'"),
}


RAW = """colour,size,code,label
red,1.5,007,a
red,,1,b
blue,3,,
blue,0.1,never seen,a
"""


def test_a_table_of_predictions_keeps_its_columns_and_raw_cells_reach_the_model_as_the_signature_says(
    bench: Workbench, endpoint: str
) -> None:
    """The input has reordered and extra columns, gaps in both kinds, leading zeros and an unseen text."""
    folder = fresh()
    mixed = bench.deploy(endpoint, bench.model("mixed"))
    job = bench.invoke(
        endpoint,
        mixed,
        bench.upload(f"{folder}/raw.csv", RAW),
        f"{DATASTORE_PATHS}/{folder}/out.csv",
    )
    assert bench.ended(job).status == "Completed", reason(bench, job)
    assert list(csv.reader(io.StringIO(predictions(bench, f"{folder}/out.csv")))) == [
        ["0", "007", "0.0", "0.5", "1", "code,size", "raw.csv"],
        ["1", "1", "0.033333335", "", "", "code,size", "raw.csv"],
        ["2", "", "0.06666667", "1.0", "", "code,size", "raw.csv"],
        ["3", "", "0.1", "0.03333333333333333", "", "code,size", "raw.csv"],
    ]


@pytest.mark.parametrize("case", FAILURES)
def test_a_job_that_fails_says_why(bench: Workbench, endpoint: str, deployment: str, case: str) -> None:
    name, text, why = FAILURES[case]
    folder = fresh()
    data = bench.upload(f"{folder}/{name}", text)
    job = bench.invoke(endpoint, deployment, data, f"{DATASTORE_PATHS}/{folder}/out.csv")
    assert bench.ended(job).status == "Failed"
    assert "No succeeded mini batch item returned from run()" in reason(bench, job)
    assert why in reason(bench, job)
    assert why in error_file(bench, job)
    assert not bench.container.get_blob_client(f"{folder}/out.csv").exists()


def test_failed_files_are_ignored_unless_there_is_an_error_threshold(
    bench: Workbench, endpoint: str, deployment: str, model: Model
) -> None:
    folder = fresh()
    bench.upload(f"{folder}/in/bad.csv", "a\n0.0\n")
    bench.upload(f"{folder}/in/good.csv", ROWS)
    strict = bench.deploy(endpoint, model, mini_batch_size=1, error_threshold=0)
    lenient = bench.deploy(endpoint, model, mini_batch_size=1)
    jobs = {
        name: bench.invoke(
            endpoint,
            name,
            f"{DATASTORE_PATHS}/{folder}/in",
            f"{DATASTORE_PATHS}/{folder}/{name}.csv",
            "uri_folder",
        )
        for name in (strict, lenient)
    }
    assert bench.ended(jobs[lenient]).status == "Completed"
    assert predictions(bench, f"{folder}/{lenient}.csv") == SCORED.format(name="good.csv")
    assert bench.ended(jobs[strict]).status == "Failed"
    assert "error threshold of 0" in reason(bench, jobs[strict])


def test_input_that_is_not_there_fails_the_job(bench: Workbench, endpoint: str, deployment: str) -> None:
    job = bench.invoke(endpoint, deployment, f"{DATASTORE_PATHS}/{fresh()}/nothing.csv")
    assert bench.ended(job).status == "Failed"
    assert "there is nothing at" in reason(bench, job)


def test_a_job_whose_fault_is_armed_fails_with_it(bench: Workbench, endpoint: str, deployment: str) -> None:
    where = {"endpoint": endpoint}
    with bench.fault(point="machinelearning.job", action="error", message="The node was lost.", where=where):
        job = bench.invoke(endpoint, deployment, f"{DATASTORE_PATHS}/in.csv")
        assert bench.ended(job).status == "Failed"
    assert "The node was lost." in reason(bench, job)
    assert "Pipeline has failed child jobs" in own_error(bench, job)


def own_error(bench: Workbench, job: str) -> str:
    """The error of the job itself, not of its child, in the run history."""
    return str(bench.ml.jobs._runs_operations.get_run_details(job).error.error.message)


def test_a_job_whose_image_cannot_be_built_fails_without_a_child_and_says_why_itself(
    bench: Workbench, endpoint: str, deployment: str
) -> None:
    words = "ACR Tasks requests for the registry are not permitted."
    refusal = {"code": "TasksOperationsNotAllowed", "message": words, "where": {"endpoint": endpoint}}
    with bench.fault(point="machinelearning.image", action="error", **refusal):
        job = bench.invoke(endpoint, deployment, f"{DATASTORE_PATHS}/in.csv")
        assert bench.ended(job).status == "Failed"
    assert list(bench.ml.jobs.list(parent_job_name=job)) == []
    assert own_error(bench, job).startswith("Image build failed.")
    assert own_error(bench, job).endswith(f"TasksOperationsNotAllowed: {words}")


def test_a_pin_that_the_environment_of_the_nodes_does_not_meet_makes_no_image(
    bench: Workbench, endpoint: str
) -> None:
    conda = "dependencies: [python=3.11, {pip: [numpy==0.1, scikit-learn]}]"
    other = bench.register(bench.upload_model(**{"conda.yaml": conda}))
    job = bench.invoke(endpoint, bench.deploy(endpoint, other), f"{DATASTORE_PATHS}/in.csv")
    assert bench.ended(job).status == "Failed"
    assert list(bench.ml.jobs.list(parent_job_name=job)) == []
    assert own_error(bench, job).startswith("Image build failed. ")
    assert "lacks numpy==0.1 (it has " in own_error(bench, job)


STORAGE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.Storage"
    f"/storageAccounts/{STORAGE_ACCOUNT}"
)


def assign(bench: Workbench, identity: str, role: str) -> None:
    """Give a user-assigned identity a role on the storage account."""
    found = built_in_named(role)
    assert found is not None
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{found.id}"
    answer = bench.request(
        "PUT",
        f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments/{uuid4()}?api-version=2022-04-01",
        json={"properties": {"roleDefinitionId": definition, "principalId": object_id_of(identity)}},
    )
    assert answer.status_code == 201, answer.text


def test_a_cluster_whose_identity_lacks_a_right_fails_its_jobs_as_parallel_run_step_does(
    bench: Workbench, endpoint: str, model: Model
) -> None:
    identity = bench.identity("scorer")
    compute = bench.compute("with-identity", identity=identity)
    deployment = bench.deploy(endpoint, model, compute=compute)
    data = bench.upload(f"{fresh()}/sample.csv", ROWS)
    job = bench.invoke(endpoint, deployment, data)
    assert bench.ended(job).status == "Failed"
    assert "StreamAccessException: the identity of the compute 'with-identity' cannot use" in reason(
        bench, job
    )
    assert "AuthorizationPermissionMismatch" in reason(bench, job)
    assign(bench, identity, "Storage Blob Data Contributor")
    for role, what in (
        ("Storage Table Data Contributor", "table"),
        ("Storage Queue Data Contributor", "queue"),
    ):
        job = bench.invoke(endpoint, deployment, data)
        assert bench.ended(job).status == "Failed"
        assert "exited with status code 42" in reason(bench, job)
        assert error_file(bench, job) == ""
        assert f"Failed to create {what} 'prs" in error_file(bench, job, "sys")
        assert "AuthorizationPermissionMismatch" in error_file(bench, job, "sys")
        assign(bench, identity, role)
    assert bench.ended(bench.invoke(endpoint, deployment, data)).status == "Completed"


@pytest.fixture(scope="module")
def slow(bench: Workbench, endpoint: str) -> str:
    """A deployment with very slow predictions, on a cluster with one node."""
    compute = bench.compute("single", nodes=1)
    return bench.deploy(endpoint, bench.model("slow"), compute=compute)


def test_a_cancelled_job_ends_its_process(bench: Workbench, endpoint: str, slow: str) -> None:
    data = bench.upload(f"{fresh()}/sample.csv", ROWS)
    job = bench.invoke(endpoint, slow, data)
    process = wait_until(lambda: scoring_process(job))
    bench.ml.jobs.begin_cancel(job).wait()
    assert bench.ml.jobs.get(job).status == "Canceled"
    assert not process.is_running()
    bench.ml.jobs.begin_cancel(job).wait()
    assert bench.ml.jobs.get(job).status == "Canceled"


def test_a_job_waits_in_the_queue_until_the_cluster_has_a_node(
    bench: Workbench, endpoint: str, slow: str
) -> None:
    data = bench.upload(f"{fresh()}/sample.csv", ROWS)
    first = bench.invoke(endpoint, slow, data)
    wait_until(lambda: bench.ml.jobs.get(first).status == "Running")
    second = bench.invoke(endpoint, slow, data)
    wait_until(lambda: bench.ml.jobs.get(second).status == "Queued")
    bench.ml.jobs.begin_cancel(first).wait()
    wait_until(lambda: bench.ml.jobs.get(second).status == "Running")
    bench.ml.jobs.begin_cancel(second).wait()


def test_a_mini_batch_that_takes_too_long_fails(bench: Workbench, endpoint: str) -> None:
    hasty = bench.deploy(
        endpoint, bench.model("slow"), retry_settings=BatchRetrySettings(max_retries=0, timeout=1)
    )
    job = bench.invoke(endpoint, hasty, bench.upload(f"{fresh()}/sample.csv", ROWS))
    assert bench.ended(job).status == "Failed"
    assert "the mini batch took longer than 1 seconds" in reason(bench, job)


DATA = {"jobInputType": "UriFile", "uri": f"{DATASTORE_PATHS}/in.csv"}
SCORE = {"jobOutputType": "UriFile", "uri": f"{DATASTORE_PATHS}/out.csv"}
REFUSED = {
    "two inputs": ({"inputData": {"a": DATA, "b": DATA}}, 400),
    "no input": ({"inputData": {}}, 400),
    "an output of another name": ({"inputData": {"a": DATA}, "outputData": {"result": SCORE}}, 400),
    "two outputs": ({"inputData": {"a": DATA}, "outputData": {"score": SCORE, "more": SCORE}}, 400),
    "a literal": ({"inputData": {"a": {"jobInputType": "Literal", "value": 1}}}, 400),
    "a path that climbs": ({"inputData": {"a": DATA | {"uri": f"{DATASTORE_PATHS}/a/../../b"}}}, 400),
    "another subscription": (
        {
            "inputData": {
                "a": DATA
                | {
                    "uri": DATA["uri"].replace(
                        "azureml://",
                        f"azureml://subscriptions/{SUBSCRIPTION[::-1]}/resourcegroups/lab/workspaces/models/",
                    )
                }
            }
        },
        400,
    ),
    "a data asset": ({"inputData": {"a": DATA | {"uri": "azureml:data:1"}}}, 501),
    "a name that climbs": ({"inputData": {"a": DATA}, "name": "../../job"}, 400),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invocation_that_azure_refuses_makes_no_job(
    bench: Workbench, endpoint: str, deployment: str, case: str
) -> None:
    properties, status = REFUSED[case]
    before = {job.name for job in bench.ml.jobs.list()}
    headers = {"azureml-model-deployment": deployment}
    answer = bench.score(endpoint, {"properties": properties}, headers=headers)
    assert answer.status_code == status, answer.text
    assert {job.name for job in bench.ml.jobs.list()} == before


def test_the_scoring_uri_refuses_a_token_for_resource_manager(bench: Workbench, endpoint: str) -> None:
    answer = bench.score(endpoint, {}, resource=bench.home.resource_manager)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert "audience" in answer.json()["error"]["message"]


def test_an_endpoint_without_a_default_needs_the_name_of_a_deployment(bench: Workbench, model: Model) -> None:
    bare = bench.endpoint()
    body = {"properties": {"inputData": {"a": DATA}}}
    assert "No default deployment" in bench.score(bare, body).json()["error"]["message"]
    answer = bench.score(bare, body, headers={"azureml-model-deployment": "nobody"})
    assert answer.status_code == 404


def test_a_deployment_that_failed_scores_nothing(bench: Workbench, model: Model) -> None:
    endpoint = bench.endpoint()
    wanted = bench.deployment(endpoint, bench.register(f"{DATASTORE_PATHS}/nothing/here"))
    with pytest.raises(HttpResponseError):
        bench.ml.batch_deployments.begin_create_or_update(wanted).result()
    answer = bench.score(
        endpoint,
        {"properties": {"inputData": {"a": DATA}}},
        headers={"azureml-model-deployment": wanted.name},
    )
    assert (answer.status_code, "is Failed" in answer.text) == (400, True)


def test_the_same_request_sent_twice_makes_one_job(bench: Workbench, endpoint: str, deployment: str) -> None:
    headers = {"azureml-model-deployment": deployment, "repeatability_request-id": uuid4().hex}
    body = {"properties": {"inputData": {"a": DATA}}}
    first, second = (bench.score(endpoint, body, headers=headers).json()["name"] for _ in range(2))
    assert first == second
    bench.ended(first)
