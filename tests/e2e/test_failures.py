"""Runs that fail or are cancelled leave nothing behind: no process, no deployment, no changed default."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from localcloud.controls import Controls
from localcloud.stack import Stack

from runs import remedies
from tests.e2e.conftest import (
    Served,
    default,
    deployments,
    endpoint_of,
    failed,
    finished,
    pipeline_runs,
    rows,
    stage_is,
    succeeded,
)
from tests.unit.touchdown.commands import Answer
from tests.waiting import wait_for
from touchdown.client import ApiError, Client
from touchdown.local.names import FACTORY_ID, identity_id

pytestmark = pytest.mark.e2e

LONG = {"epochs": "10000"}
"""Settings for a training that takes many seconds."""


def training_process(controls: Controls, run_id: str) -> int:
    """The process of a run's trainer, as soon as it trains."""
    found: list[int] = []

    def started() -> bool:
        running = [task for task in controls.call("GET", "batch/tasks")["value"] if task.get("pid")]
        for task in running:
            try:
                process = psutil.Process(task["pid"])
                folder = process.cwd()
            except psutil.Error:
                continue
            if run_id in (open_text(f"{folder}/activity.json")):
                found.append(process.pid)
        return bool(found)

    wait_for(started)
    return found[0]


def open_text(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.exists() else ""


def test_the_error_quotes_a_failed_trainer_and_its_exit_code(client: Client, name: str) -> None:
    # inspect_dataset reads only the first MiB, and the faulty row comes after it.
    body = b"width,height,kind\n" + b"1.5,2,a\n2.5,1,b\n" * 80_000 + b"3,4\n"
    run = failed(client, client.upload(body, f"{name}.csv").run_id)
    assert run["error"]["code"] == "TrainingFailed"
    assert "exited with 2" in run["error"]["message"]
    assert "row 160002 has 2 cells where the header has 3 columns" in run["error"]["message"]
    assert run["error"]["stage"] == "wait"
    assert run["deployment"] == ""


def test_cancelling_the_pipeline_run_in_data_factory_fails_the_run_with_that_reason(
    client: Client, controls: Controls, name: str
) -> None:
    upload = client.upload(rows(), f"{name}.csv", LONG)
    process = training_process(controls, upload.run_id)
    [pipeline_run] = pipeline_runs(client, upload.run_id)
    path = f"{FACTORY_ID}/pipelineruns/{pipeline_run['runId']}/cancel"
    client.resource_manager("POST", path, params={"api-version": "2018-06-01"})
    run = failed(client, upload.run_id)
    assert run["error"]["code"] == "TrainingCancelled"
    assert pipeline_run["runId"] in run["error"]["message"]
    wait_for(lambda: not psutil.pid_exists(process))


def test_a_training_that_exceeds_its_time_limit_is_cancelled_and_its_process_ends(
    client: Client, controls: Controls, name: str
) -> None:
    upload = client.upload(rows(), f"{name}.csv", LONG | {"training_timeout": "4s"})
    process = training_process(controls, upload.run_id)
    run = failed(client, upload.run_id)
    assert run["error"]["code"] == "TrainingTimedOut"
    assert "within 4 s" in run["error"]["message"]
    assert [each["status"] for each in pipeline_runs(client, upload.run_id)] == ["Cancelled"]
    wait_for(lambda: not psutil.pid_exists(process))


def test_a_deployment_that_cannot_score_is_deleted_and_the_default_stays(
    client: Client, controls: Controls, classes: Served
) -> None:
    first = classes.run
    controls.arm_fault(
        "machinelearning.job", "error", {"endpoint": first["endpoint"]}, message="The node caught fire."
    )
    second = failed(client, client.upload(rows(2), classes.file).run_id)
    assert second["error"]["code"] == "SmokeTestFailed"
    assert "The node caught fire." in second["error"]["message"]
    assert default(client, first["endpoint"]) == first["deployment"]
    assert [each["name"] for each in deployments(client, first["endpoint"])] == [first["deployment"]]
    assert not second["warnings"]


QUOTA = "The specified subscription has a Standard DSv2 family vCPU quota of 0."
TASKS = "ACR Tasks requests for the registry are not permitted."


def test_a_cluster_for_which_there_is_no_quota_fails_the_run_with_what_to_do(
    client: Client, controls: Controls, name: str
) -> None:
    words = {"code": "ClusterMinNodesExceedCoreQuota", "message": QUOTA}
    controls.arm_fault("machinelearning.compute", "error", {"name": "^without-quota$"}, **words)
    run = failed(client, client.upload(rows(), f"{name}.csv", {"compute_name": "without-quota"}).run_id)
    assert (run["error"]["stage"], run["error"]["code"]) == ("ensure_compute", "ProvisioningFailed")
    assert QUOTA in run["error"]["message"]
    assert run["error"]["message"].endswith(remedies.QUOTA)


def test_a_missing_cluster_is_made_and_an_image_that_cannot_be_built_fails_the_run_in_azures_words(
    client: Client, controls: Controls, name: str
) -> None:
    endpoint = endpoint_of(client, name)
    words = {"code": "TasksOperationsNotAllowed", "message": TASKS}
    controls.arm_fault("machinelearning.image", "error", {"endpoint": f"^{endpoint}$"}, **words)
    run = failed(client, client.upload(rows(), f"{name}.csv", {"compute_name": "made-by-run"}).run_id)
    assert (run["error"]["stage"], run["error"]["code"]) == ("smoke_test", "SmokeTestFailed")
    assert TASKS in run["error"]["message"]
    assert run["error"]["message"].endswith(remedies.TASKS)
    path = f"{client.target.workspace_path}/computes/made-by-run"
    made = client.resource_manager("GET", path, params={"api-version": "2024-04-01"})
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert made["properties"]["properties"]["scaleSettings"]["minNodeCount"] == 0
    assert list(made["identity"]["userAssignedIdentities"]) == [identity_id("scoring")]


def test_a_model_below_the_minimum_accuracy_is_no_failure_is_registered_and_not_deployed(
    client: Client, command: Callable[..., Answer], name: str, tmp_path: Path
) -> None:
    file = tmp_path / f"{name}.csv"
    file.write_text("a,b,kind\n" + "".join(f"{n % 3},{n % 2},{'xy'[n // 2 % 2]}\n" for n in range(40)))
    answer = command("upload", str(file), "--set", "min_accuracy=1", "--watch")
    assert answer.code == 0, answer.err
    for expected in (
        "kept_champion: the model is registered and not deployed",
        "min_accuracy 1.000 (not passed)",
        "why not",
    ):
        assert expected in answer.out
    [listed] = client.runs(dataset=file.name)
    run = client.run(listed["run_id"])
    assert (run["status"], run["outcome"]) == ("Succeeded", "kept_champion")
    assert run["metrics"]["accuracy"] < 1
    assert run["gate"]["floor"] == {"setting": "min_accuracy", "limit": 1, "passed": False}
    assert (run["model_version"], run["deployment"]) == ("1", "")


@dataclass(frozen=True)
class Held:
    """A stage in which a test can hold a run: the fault that holds it, and the metadata of the upload.

    hold: arms the fault and returns its id, or "" if none is needed. cancel_releases: whether Azure ends what
    the fault holds when the run is cancelled; otherwise the test lets it go on.
    """

    stage: str
    hold: Callable[[Controls, str, str], str]
    metadata: tuple[tuple[str, str], ...] = ()
    cancel_releases: bool = False


def at(point: str, field: str, pattern: str) -> Callable[[Controls, str, str], str]:
    """Hold a run at a fault point until the fault is disarmed. It returns the fault's id.

    pattern: may contain {name} and {endpoint} of the test.
    """

    def hold(controls: Controls, name: str, endpoint: str) -> str:
        where = {field: pattern.format(name=name, endpoint=endpoint)}
        return str(controls.arm_fault(point, "delay", where, seconds=600)["id"])

    return hold


HELD = [
    Held("start_training", at("http", "path", "/queryPipelineRuns$")),
    Held("wait", lambda controls, name, endpoint: "", tuple(LONG.items())),
    Held("register_model", at("http", "path", "/models/{name}_classification/versions")),
    Held("ensure_compute", at("http", "path", "/computes/cpu-cluster$")),
    Held("ensure_endpoint", at("machinelearning.endpoint", "name", "^{endpoint}$")),
    Held("deploy_model", at("machinelearning.deployment", "name", "^{endpoint}/")),
    Held("smoke_test", at("machinelearning.job", "endpoint", "^{endpoint}$"), cancel_releases=True),
]


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.stage)
def test_a_cancelled_run_stops_its_remote_work_and_leaves_nothing_serving(
    client: Client, controls: Controls, name: str, held: Held
) -> None:
    endpoint = endpoint_of(client, name)
    fault = held.hold(controls, name, endpoint)
    upload = client.upload(rows(), f"{name}.csv", dict(held.metadata))
    seen = client.wait(upload.run_id, until=stage_is(held.stage), limit=120)
    assert seen["stage"] == held.stage, seen
    client.cancel(upload.run_id)
    if fault and not held.cancel_releases:
        controls.disarm(fault)
    run = finished(client, upload.run_id)

    assert run["status"] == "Cancelled", run["error"]
    assert run["error"]["code"] == "Cancelled"
    assert not run["warnings"]
    assert run["outcome"] == ""
    # The trainer writes the model before it ends, so its pipeline run may end a little after `wait`.
    ended = {"Cancelled", "Succeeded"}
    wait_for(lambda: {each["status"] for each in pipeline_runs(client, upload.run_id)} <= ended)
    if exists(client, endpoint):
        assert default(client, endpoint) == ""
        assert deployments(client, endpoint) == []
    with pytest.raises(ApiError) as again:
        client.cancel(upload.run_id)
    assert (again.value.status, again.value.code) == (409, "RunEnded")


def exists(client: Client, endpoint: str) -> bool:
    try:
        client.endpoint(endpoint)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return True


def picked_up(client: Client, dataset: str) -> bool:
    """Whether POST /api/runs starts the run again. It does not while a new claim may still be starting it."""
    try:
        client.start_run(dataset)
    except ApiError as error:
        if error.code != "RunStarting":
            raise
        return False
    return True


def test_a_run_that_the_engine_lost_is_continued_by_hand(
    cloud: Stack, client: Client, controls: Controls, name: str
) -> None:
    held = controls.arm_fault("batch.task", "delay", seconds=600, times=None)
    upload = client.upload(rows(), f"{name}.csv")
    client.wait(upload.run_id, until=stage_is("wait"))
    cloud.restart("functions", kill=True)
    wait_for(lambda: client.run(upload.run_id)["status"] == "Lost")
    with pytest.raises(ApiError) as lost:
        client.cancel(upload.run_id)
    assert lost.value.status == 409
    wait_for(lambda: picked_up(client, upload.dataset))
    controls.disarm(held["id"])
    run = succeeded(client, upload.run_id)
    assert len(pipeline_runs(client, upload.run_id)) == 1, "the pipeline run of before was to be found"
    assert run["outcome"] == "promoted"
