"""The smoke test: one scoring job for a run, and its end is judged by what it has predicted."""

from dataclasses import replace

import pytest

from activities.smoke_test import cancel_scoring, smoke_test
from runs.contracts import CleanUp, ProvisioningStatus, SmokeTestInput, SmokeTestStatus
from runs.errors import RefusedError
from tests.unit.machine_learning import Workspace
from tests.unit.rehearsed import RUN

WANTED = SmokeTestInput(RUN, "iris", "run-1", "")
FOLDER = f"runs/{RUN}/smoke"
PREDICTIONS = b"0,setosa,sample.csv\n1,virginica,sample.csv\n"


def scoring(status: str, predictions: bytes = PREDICTIONS) -> Workspace:
    """A workspace whose scoring job has this status, and which an attempt has started that then crashed."""
    workspace = Workspace()
    workspace.job("job-1", status)
    workspace.blobs.put(f"{FOLDER}/job.txt", b"job-1")
    workspace.blobs.put(f"{FOLDER}/sample.csv", b"a,b\n1,2\n3,4\n")
    if predictions:
        workspace.blobs.put(f"{FOLDER}/predictions.csv", predictions)
    return workspace


@pytest.mark.parametrize("status", ["NotStarted", "Preparing", "Running", "Finalizing", "CancelRequested"])
def test_a_job_that_has_not_ended_is_found_again_and_waited_for(status: str) -> None:
    assert smoke_test(WANTED, scoring(status).clients) == SmokeTestStatus(False, "job-1")


def test_the_job_of_the_poll_before_is_waited_for_whatever_storage_holds() -> None:
    workspace = scoring("Running")
    workspace.blobs.blobs.clear()
    again = replace(WANTED, operation_url="job-1")
    assert smoke_test(again, workspace.clients) == SmokeTestStatus(False, "job-1")


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
    with pytest.raises(RefusedError, match="deployment run-1: scoring job job-1") as refused:
        smoke_test(WANTED, scoring("Completed", predictions).clients)
    assert refused.value.code == "SmokeTestFailed"


@pytest.mark.parametrize("status", ["Failed", "Canceled", "NotResponding"])
def test_a_job_that_did_not_complete_fails_whatever_it_has_predicted(status: str) -> None:
    with pytest.raises(RefusedError) as refused:
        smoke_test(WANTED, scoring(status).clients)
    assert refused.value.code == "SmokeTestFailed"
    assert str(refused.value) == (
        f"deployment run-1: scoring job job-1 is {status}: its logs in Azure ML studio say why"
    )


# --- Clean-up -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["NotStarted", "Preparing", "Running"])
def test_a_job_under_way_is_cancelled_and_waited_for(status: str) -> None:
    workspace = scoring(status)
    assert cancel_scoring(CleanUp(RUN), workspace.clients) == ProvisioningStatus(False, "job-1")
    assert workspace.cancelled == ["jobs/job-1/cancel"]


@pytest.mark.parametrize("status", ["CancelRequested", "Finalizing"])
def test_a_job_that_is_ending_is_waited_for_and_not_cancelled_again(status: str) -> None:
    workspace = scoring(status)
    assert cancel_scoring(CleanUp(RUN), workspace.clients) == ProvisioningStatus(False, "job-1")
    assert workspace.cancelled == []


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_a_job_that_has_ended_needs_no_clean_up(status: str) -> None:
    workspace = scoring(status)
    assert cancel_scoring(CleanUp(RUN, job="job-1"), workspace.clients) == ProvisioningStatus(True)
    assert workspace.cancelled == []


def test_a_run_without_a_job_or_whose_job_is_gone_needs_no_clean_up() -> None:
    assert cancel_scoring(CleanUp(RUN), Workspace().clients) == ProvisioningStatus(True)
    assert cancel_scoring(CleanUp(RUN, job="gone"), Workspace().clients) == ProvisioningStatus(True)
