"""The smoke test: one scoring job for a run, and its end is judged by what it has predicted."""

import json
from dataclasses import replace

import pytest

from activities.smoke_test import cancel_scoring, smoke_test
from runs import remedies
from runs.errors import RefusedError
from runs.steps import CleanUp, ProvisioningStatus, SmokeTestInput, SmokeTestStatus
from scripts.assigned_roles import assignments
from tests.unit.kept import kept
from tests.unit.machine_learning import PUBLIC, Workspace
from tests.unit.rehearsed import DEPLOYMENT, RUN, UPLOAD
from tests.unit.wire import Wire

MODEL = f"runs/{RUN}/0/ab12/artifacts/model"
WANTED = SmokeTestInput(RUN, UPLOAD.etag, MODEL)
LEFT = CleanUp(RUN, UPLOAD.etag)
JOB = f"deployment {DEPLOYMENT}: scoring job job-1"
FOLDER = f"runs/{RUN}/smoke"
PREDICTIONS = b"0,setosa,sample.csv\n1,virginica,sample.csv\n"
CHILD_FAILED = "Pipeline has failed child jobs. Failed nodes: /batchscoring."
TASKS = (
    "Image build failed. (TasksOperationsNotAllowed) ACR Tasks requests for the registry acr are not allowed."
)


def scoring(status: str, predictions: bytes = PREDICTIONS) -> Workspace:
    """A workspace whose scoring job has this status, and which an attempt has started that then crashed."""
    workspace = Workspace()
    kept(workspace.clients, endpoint_name="iris")
    workspace.job("job-1", status)
    workspace.blobs.put(f"app/runs/{RUN}/scoring-job.txt", b"job-1")
    workspace.blobs.put(f"{FOLDER}/sample.csv", b"a,b\n1,2\n3,4\n")
    described = {"signature": {"outputs": json.dumps([{"name": "prediction", "type": "string"}])}}
    workspace.blobs.put(f"{MODEL}/MLmodel", json.dumps(described).encode())
    metrics = {"classes": ["setosa", "virginica", "x" * 5000]}
    workspace.blobs.put(f"runs/{RUN}/0/ab12/artifacts/metrics.json", json.dumps(metrics).encode())
    if predictions:
        workspace.blobs.put(f"{FOLDER}/predictions.csv", predictions)
    return workspace


@pytest.mark.parametrize("status", ["NotStarted", "Preparing", "Running", "Finalizing", "CancelRequested"])
def test_a_job_that_has_not_ended_is_found_again_and_waited_for(status: str) -> None:
    found = smoke_test(WANTED, scoring(status).clients)
    assert (found.done, found.operation_url, found.rows, found.predictions) == (False, "job-1", 0, [])
    assert f"job-1 is {status}. " in found.waiting_for
    assert "10 to 20 minutes" in found.waiting_for


def test_a_job_whose_cluster_has_reached_its_quota_says_that_it_waits_for_cores() -> None:
    workspace = scoring("Running")
    workspace.compute("cpu-cluster", error="ClusterCoreQuotaReached")
    assert smoke_test(WANTED, workspace.clients).waiting_for == (
        "scoring job job-1 is Running, and its cluster reports: ClusterCoreQuotaReached: 2 of 4 cores"
        f" {remedies.QUOTA}"
    )


def test_the_job_of_the_poll_before_is_waited_for_whatever_storage_holds() -> None:
    workspace = scoring("Running")
    workspace.blobs.blobs.clear()
    kept(workspace.clients)
    again = replace(WANTED, operation_url="job-1")
    assert smoke_test(again, workspace.clients).operation_url == "job-1"


def test_a_completed_job_is_done_with_its_predictions() -> None:
    status = smoke_test(WANTED, scoring("Completed").clients)
    assert status == SmokeTestStatus(True, "job-1", 2, ["setosa", "virginica"])


def test_of_many_long_predictions_a_run_keeps_the_beginning() -> None:
    rows = b"".join(b"%d,%s,sample.csv\n" % (row, b"x" * 5000) for row in range(20))
    workspace = scoring("Completed", rows)
    workspace.blobs.put(f"{FOLDER}/sample.csv", b"a\n" + b"1\n" * 20)
    status = smoke_test(WANTED, workspace.clients)
    assert (status.rows, status.predictions) == (20, ["x" * 200] * 5)


@pytest.mark.parametrize("predictions", [b"", PREDICTIONS[:20], PREDICTIONS + b"2,x,sample.csv\n"])
def test_a_job_that_did_not_predict_each_row_once_fails(predictions: bytes) -> None:
    with pytest.raises(RefusedError, match=JOB) as refused:
        smoke_test(WANTED, scoring("Completed", predictions).clients)
    assert refused.value.code == "SmokeTestFailed"


@pytest.mark.parametrize(
    ("predictions", "why"),
    [
        (b"0,setosa,sample.csv\n1,rose,sample.csv\n", "'rose', not a class of the model"),
        (b"0,1,2,setosa,sample.csv\n1,3,4,virginica,sample.csv\n", "its rows have 5 columns"),
        (b'0,"setosa,sample.csv\n1,virginica,sample.csv\n', "no column holds the name"),
    ],
)
def test_a_job_that_predicted_what_the_model_does_not_know_fails(predictions: bytes, why: str) -> None:
    with pytest.raises(RefusedError) as refused:
        smoke_test(WANTED, scoring("Completed", predictions).clients)
    assert refused.value.code == "SmokeTestFailed"
    assert str(refused.value).startswith(f"{JOB}: its predictions.csv cannot")
    assert why in str(refused.value).replace('"', "'")


def test_the_predictions_of_a_regression_are_numbers() -> None:
    numbers = scoring("Completed", b"0,1.5,sample.csv\n1,-2,sample.csv\n")
    assert smoke_test(WANTED, kept(numbers.clients, task="regression")).predictions == ["1.5", "-2"]
    with pytest.raises(RefusedError, match=r"setosa.*, not a finite number"):
        smoke_test(WANTED, kept(scoring("Completed").clients, task="regression"))


def test_predictions_of_a_model_that_was_deleted_are_not_believed() -> None:
    workspace = scoring("Completed")
    del workspace.blobs.blobs[f"{MODEL}/MLmodel"]
    with pytest.raises(RefusedError) as refused:
        smoke_test(WANTED, workspace.clients)
    assert refused.value.code == "InvalidModel"


# --- Why a job failed -------------------------------------------------------------------------------------


def why(workspace: Workspace) -> str:
    with pytest.raises(RefusedError) as refused:
        smoke_test(WANTED, workspace.clients)
    assert refused.value.code == "SmokeTestFailed"
    return str(refused.value).removeprefix(f"{JOB} is Failed: ")


def failing(own: str, child: str = "", log: str = "") -> Workspace:
    """A failed job with this error, and with a child and its error.txt if they are given."""
    workspace = scoring("Failed", b"")
    workspace.history["job-1"] = {"code": "UserError", "message": own, "details": []}
    if child:
        workspace.children["job-1"] = ["child-1"]
        workspace.history["child-1"] = {"code": "UserError", "message": child, "details": []}
    if log:
        workspace.blobs.put("ExperimentRun/dcid.child-1/logs/user/error.txt", log.encode())
    return workspace


def test_a_job_without_a_child_fails_in_its_own_words_and_with_what_to_do() -> None:
    assert why(failing(TASKS)) == f"{TASKS} {remedies.TASKS}"
    built = "Image build failed. For more details, check log file azureml-logs/20_image_build_log.txt."
    assert why(failing(built)) == f"{built} {remedies.IMAGE}"


def test_the_details_of_an_error_in_the_run_history_are_its_words_too() -> None:
    workspace = failing("The job could not be prepared.")
    workspace.history["job-1"]["details"] = [{"code": "UserError", "message": TASKS}]
    assert why(workspace) == f"The job could not be prepared. {TASKS} {remedies.TASKS}"


def test_the_child_says_why_a_job_failed_whose_own_error_only_points_to_it() -> None:
    assert why(failing(CHILD_FAILED, "The node caught fire.", "Traceback")) == (
        "The node caught fire. Traceback"
    )
    assert why(failing("The quota of disks is used up.", "Stopped.")) == (
        "The quota of disks is used up. Stopped."
    )


def test_a_quota_that_the_job_exceeds_is_named_with_what_to_do() -> None:
    words = (
        "Job submission to AzureML Compute encountered an Exception with status code"
        " JobNodeCountExceedsCoreQuota, The specified subscription has a Standard DSv2 family vCPU quota of 0"
    )
    assert why(failing(CHILD_FAILED, words)) == f"{words} {remedies.QUOTA}"


DRIVER = "Execution failed. User process 'python' exited with status code 42. Please check log file"


def test_exit_code_42_without_a_log_names_the_roles_to_check() -> None:
    message = why(failing(CHILD_FAILED, DRIVER))
    assert message == f"{DRIVER} {remedies.STORAGE_ROLES}"
    assert all(f"Storage {kind} Data Contributor" in message for kind in ("Table", "Queue"))
    assert all(
        assignments()[name].role in message for name in ("scoringUsesBlobs", "scoringReadsAndWritesData")
    )


def test_exit_code_42_with_a_log_is_explained_by_the_log() -> None:
    assert why(failing(CHILD_FAILED, DRIVER, "KeyError: 'a'")) == f"{DRIVER} KeyError: 'a'"


def test_a_part_of_the_reason_that_cannot_be_read_does_not_hide_the_others() -> None:
    workspace = failing(CHILD_FAILED, "The node caught fire.")
    del workspace.history["job-1"]
    assert why(workspace) == "The node caught fire."
    workspace = failing(CHILD_FAILED, "x", "KeyError: 'a'")
    del workspace.history["child-1"]
    assert why(workspace) == "KeyError: 'a'"


@pytest.mark.parametrize("status", ["Failed", "Canceled", "NotResponding"])
def test_a_job_that_did_not_complete_fails_whatever_it_has_predicted(status: str) -> None:
    with pytest.raises(RefusedError) as refused:
        smoke_test(WANTED, scoring(status).clients)
    assert refused.value.code == "SmokeTestFailed"
    assert str(refused.value) == (f"{JOB} is {status}: its logs in Azure ML studio say why")


# --- Clean-up -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["NotStarted", "Preparing", "Running"])
def test_a_job_under_way_is_cancelled_and_waited_for(status: str) -> None:
    workspace = scoring(status)
    assert cancel_scoring(LEFT, workspace.clients) == ProvisioningStatus(False, "job-1")
    assert workspace.cancelled == ["jobs/job-1/cancel"]


@pytest.mark.parametrize("status", ["CancelRequested", "Finalizing"])
def test_a_job_that_is_ending_is_waited_for_and_not_cancelled_again(status: str) -> None:
    workspace = scoring(status)
    assert cancel_scoring(LEFT, workspace.clients) == ProvisioningStatus(False, "job-1")
    assert workspace.cancelled == []


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_a_job_that_has_ended_needs_no_clean_up(status: str) -> None:
    workspace = scoring(status)
    assert cancel_scoring(replace(LEFT, job="job-1"), workspace.clients) == ProvisioningStatus(True)
    assert workspace.cancelled == []


def test_a_run_without_a_job_needs_no_clean_up_and_asks_about_none() -> None:
    """Azure ML answers a request for a job without a name with the list of all jobs."""
    wire = Wire(Workspace())
    assert cancel_scoring(LEFT, wire.clients(PUBLIC)) == ProvisioningStatus(True)
    assert [sent.path.rpartition("/")[2] for sent in wire.sent] == ["scoring-job.txt"]


def test_a_run_whose_job_is_gone_needs_no_clean_up() -> None:
    assert cancel_scoring(replace(LEFT, job="gone"), Workspace().clients) == ProvisioningStatus(True)
