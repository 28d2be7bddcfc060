"""The steps from registration to promotion, through the real MLClient: repeated, and with concurrent runs."""

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

import pytest
from azure.storage.blob import ContainerClient
from localcloud.credentials import Principal
from localcloud.home import Home

from activities.champion import find_champion
from activities.model_registry import model_digest, register_model
from activities.promotion import delete_deployment, promote, prune_deployments
from activities.provisioning import deploy_model, ensure_compute, ensure_endpoint
from activities.training_result import read_training_result
from runs import naming
from runs.contracts import Dataset, RunRequest, RunSettings, Upload, to_json
from runs.errors import RefusedError, TransientError
from runs.findings import Dropped
from runs.steps import (
    Champion,
    CleanUp,
    DeploymentInput,
    ModelInput,
    ModelVersion,
    PolledStep,
    PromotionInput,
    RunStep,
    TrainedModel,
    TrainingResult,
)
from services import run_files, run_store
from services.clients import Clients
from tests.integration import actors

pytestmark = pytest.mark.integration

MLMODEL = b"""artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.11.7
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
mlflow_version: 2.22.5
"""
CONDA = b"dependencies: [python=3.11]"


class Pollable(Protocol):
    @property
    def done(self) -> bool: ...
    @property
    def operation_url(self) -> str: ...


def poll[O, S: Pollable](step: Callable[[O, Clients], S], order: O, clients: Clients) -> S:
    """Call a step until it is done, as the orchestrator does; after a TransientError it is called again."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = step(order, clients)
        except TransientError:
            time.sleep(0.2)
            continue
        if state.done:
            return state
        order = replace(order, operation_url=state.operation_url)  # type: ignore[type-var]
        time.sleep(0.1)
    raise AssertionError(f"{step.__name__} was not done within 60 s")


def upload(clients: Clients, unique: str, second: int) -> Upload:
    moment = f"2026-05-01T00:00:{second:02d}.000000Z"
    return Upload(clients.settings.container, f"datasets/{unique}.csv", f"0x{unique}{second}", moment)


def run_id(of: Upload) -> str:
    return naming.run_id(of.container, of.path, of.etag)


def endpoint_of(clients: Clients, unique: str) -> str:
    return naming.endpoint_name(f"m{unique}", clients.settings.workspace_id)


def told_of(clients: Clients, of: Upload, run: str = "", **settings: Any) -> tuple[str, str]:
    """Keep the settings of a run, as inspect_dataset does, and return what a step of it is told.

    run: its id, if it is not the first one of the upload. settings: other ones than usual.
    """
    name, id_ = f"m{of.dataset.removesuffix('.csv')}", run or run_id(of)
    own = {"model_name": name, "endpoint_name": naming.endpoint_name(name, clients.settings.workspace_id)}
    resolved = replace(SETTINGS, **own | settings)
    dataset = Dataset(of, 100, 3, "kind", resolved, clients.settings.polling)
    run_files.keep_dataset(id_, dataset, clients)
    return id_, of.etag


COMPARISON = {
    "model": "older:1",
    "rows": 200,
    "value": 0.97,
    "challenger": 0.9,
    "tolerance": 0.01,
    "interval": [0.02, 0.12],
    "passed": False,
    "error": "",
}
GATE = {
    "verdict": "keep_champion",
    "reasons": ["accuracy 0.9 is worse than that of older:1 (0.97)"],
    "metric": "accuracy",
    "value": 0.9,
    "floor": None,
    "baseline": {
        "name": "majority class",
        "value": 0.5,
        "rows": 30,
        "interval": [-0.6, -0.2],
        "passed": True,
    },
    "champion": COMPARISON,
}
CHAMPION = Champion("older:1", "runs/older/0/ab/artifacts/model", "run-older")
SETTINGS = RunSettings(
    label="kind",
    model_name="m",
    endpoint_name="e",
    epochs=50,
    lr=0.1,
    min_accuracy=0.0,
    training_timeout=86400,
    keep_deployments=2,
    compute_name="cpu-cluster",
    vm_size="Standard_DS3_v2",
    task="classification",
    algorithm="linear",
    training_budget=10.0,
    rare_classes="refuse",
    class_weights="equal",
    max_rmse=0.0,
    tolerance=0.01,
    approval="none",
    approval_timeout=259200,
    uncompared_champion="approval",
)


CHOICE = {
    "metric": "log loss",
    "rows": 40,
    "folds": 5,
    "selected": "boosting",
    "candidates": [
        {
            "name": "boosting",
            "settings": "30 rounds at rate 0.1",
            "score": 0.5,
            "seconds": 0.25,
            "rows": 40,
            "weight": 1.0,
        }
    ],
}
"""How the trainer's algorithm auto states a choice."""


def metrics_of(of: Upload, **changes: Any) -> dict[str, Any]:
    """metrics.json as the trainer writes it."""
    return {
        "schema_version": 2,
        "run_id": run_id(of),
        "mlflow_run_id": "abc",
        "task": "classification",
        "algorithm": "boosting",
        "label": "kind",
        "features": ["a"],
        "classes": ["x", "y"],
        "dataset": {"etag": of.etag},
        "metrics": {"accuracy": 0.9, "log_loss": 0.5},
        "dropped_columns": [{"column": "id", "why": "every row has another value"}],
        "dropped_rows": {"missing_label": 3},
        "notes": ["column 2 had no name"],
        "choice": CHOICE,
        "gate": GATE,
    } | changes


def trained(clients: Clients, of: Upload, **changes: Any) -> TrainedModel:
    """A model in storage, with the trainer's layout. It can be deployed, but it cannot score.

    The settings of its run are kept, too.
    """
    id_ = run_id(of)
    folder = f"runs/{id_}/0/abc/artifacts"
    container = actors.trainer()
    metrics = json.dumps(metrics_of(of, **changes)).encode()
    container.upload_blob(f"{folder}/metrics.json", metrics, overwrite=True)
    for name, content in {"conda.yaml": CONDA, "python_env.yaml": b"", "model.pkl": b""}.items():
        container.upload_blob(f"{folder}/model/{name}", content, overwrite=True)
    container.upload_blob(f"{folder}/model/MLmodel", MLMODEL, overwrite=True)
    return TrainedModel(*told_of(clients, of), f"{folder}/model/MLmodel", CHAMPION)


def result(clients: Clients, of: Upload) -> TrainingResult:
    return read_training_result(trained(clients, of), clients)


def registered(clients: Clients, of: Upload) -> ModelVersion:
    found = result(clients, of)
    return register_model(ModelInput(*told_of(clients, of), found), clients)


def served(
    clients: Clients, unique: str, seconds: list[int], compute: str = "cpu-cluster"
) -> tuple[str, dict[int, str]]:
    """Create an endpoint with a deployment for an upload of each second; returns them by second."""
    first = PolledStep(*told_of(clients, upload(clients, unique, seconds[0]), compute_name=compute))
    poll(ensure_compute, first, clients)
    poll(ensure_endpoint, first, clients)
    names = {}
    for second in seconds:
        of = upload(clients, unique, second)
        names[second] = naming.deployment_name(run_id(of))
        version = registered(clients, of).version
        deployment = DeploymentInput(*told_of(clients, of, compute_name=compute), version)
        poll(deploy_model, deployment, clients)
    return endpoint_of(clients, unique), names


def promotion(clients: Clients, unique: str, second: int) -> PromotionInput:
    """The promotion of a run that has been claimed and has inspected its dataset."""
    return in_progress(clients, upload(clients, unique, second))


def in_progress(clients: Clients, of: Upload, run: str = "") -> PromotionInput:
    request = RunRequest(run or run_id(of), of, {}, "event", "2026-05-01T00:00:00Z")
    run_store.claim(request, clients)
    return PromotionInput(*told_of(clients, of, run))


def default(clients: Clients, endpoint: str) -> str:
    found = clients.machine_learning.batch_endpoints.get(endpoint)
    return str(found.defaults.deployment_name) if found.defaults else ""


def deployments(clients: Clients, endpoint: str) -> set[str]:
    return {str(each.name) for each in clients.machine_learning.batch_deployments.list(endpoint)}


def test_a_model_is_registered_once_however_often_the_step_runs(clients: Clients, unique: str) -> None:
    of = upload(clients, unique, 1)
    first, again = registered(clients, of), registered(clients, of)
    assert first == again == ModelVersion(f"m{unique}", "1")
    other = registered(clients, upload(clients, unique, 2))
    assert other.version == "2"


def test_two_runs_that_register_at_once_get_different_versions(clients: Clients, unique: str) -> None:
    def register(second: int) -> str:
        of = upload(clients, unique, second)
        found = result(clients, of)
        order = ModelInput(*told_of(clients, of), found)
        for _ in range(10):
            try:
                return register_model(order, clients).version
            except TransientError:
                continue
        raise AssertionError("no version was to be had")

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(register, range(1, 5)))
    assert sorted(taken) == ["1", "2", "3", "4"]


def test_the_default_is_of_the_newest_upload_when_runs_finish_together(clients: Clients, unique: str) -> None:
    endpoint, names = served(clients, unique, [1, 2, 3])
    orders = [promotion(clients, unique, second) for second in (3, 1, 2)]
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda order: poll(promote, order, clients).outcome, orders))
    assert default(clients, endpoint) == names[3]
    assert outcomes[0] == "promoted"
    # Promoting again changes nothing, and promoting an older upload reports it as superseded.
    assert poll(promote, orders[0], clients).outcome == "promoted"
    assert poll(promote, orders[1], clients).outcome == "superseded"
    assert default(clients, endpoint) == names[3]


def test_pruning_keeps_the_default_the_newest_and_those_of_runs_in_flight(
    clients: Clients, unique: str
) -> None:
    endpoint, names = served(clients, unique, [1, 2, 3, 4])
    poll(promote, promotion(clients, unique, 4), clients)
    under_way = upload(clients, unique, 2)
    run_store.claim(RunRequest(run_id(under_way), under_way, {}, "event", "2026-05-01T00:00:00Z"), clients)
    newest = told_of(clients, upload(clients, unique, 4), keep_deployments=2)
    poll(prune_deployments, PolledStep(*newest), clients)
    left = {each.name for each in clients.machine_learning.batch_deployments.list(endpoint)}
    assert left == {names[4], names[3], names[2]}


@pytest.mark.parametrize(("keep", "kept"), [(1, [2]), (2, [2, 1]), (3, [2, 1])])
def test_a_superseded_run_prunes_its_own_deployment(
    clients: Clients, unique: str, keep: int, kept: list[int]
) -> None:
    """The newer run did not delete the deployment while this run was in flight, and no other run will."""
    endpoint, names = served(clients, unique, [1, 2])
    older, newer = upload(clients, unique, 1), upload(clients, unique, 2)
    run_store.claim(RunRequest(run_id(older), older, {}, "event", "2026-05-01T00:00:00Z"), clients)
    poll(promote, promotion(clients, unique, 2), clients)
    prune = PolledStep(*told_of(clients, newer, keep_deployments=keep))
    poll(prune_deployments, prune, clients)
    assert deployments(clients, endpoint) == {names[1], names[2]}, "the older run has not ended"

    outcome = poll(promote, promotion(clients, unique, 1), clients).outcome
    prune = PolledStep(*told_of(clients, older, keep_deployments=keep))
    poll(prune_deployments, prune, clients)
    assert outcome == "superseded"
    assert deployments(clients, endpoint) == {names[second] for second in kept}
    assert default(clients, endpoint) == names[2]


def test_a_run_that_is_superseded_after_its_promotion_prunes_its_own_deployment(
    clients: Clients, unique: str
) -> None:
    endpoint, names = served(clients, unique, [1, 2])
    for second in (1, 2):
        poll(promote, promotion(clients, unique, second), clients)
    older = told_of(clients, upload(clients, unique, 1), keep_deployments=1)
    poll(prune_deployments, PolledStep(*older), clients)
    assert deployments(clients, endpoint) == {names[2]}


def test_a_rerun_of_the_newest_upload_is_promoted_over_the_first_run(clients: Clients, unique: str) -> None:
    endpoint, _ = served(clients, unique, [1])
    first = promotion(clients, unique, 1)
    poll(promote, first, clients)
    rerun = in_progress(clients, upload(clients, unique, 1), f"{first.run_id}-2")
    poll(deploy_model, DeploymentInput(rerun.run_id, rerun.etag, "1"), clients)
    assert poll(promote, rerun, clients).outcome == "promoted"
    assert default(clients, endpoint) == naming.deployment_name(rerun.run_id)


def test_clean_up_does_not_delete_the_default(clients: Clients, unique: str) -> None:
    endpoint, names = served(clients, unique, [1, 2])
    poll(promote, promotion(clients, unique, 2), clients)
    for second in (1, 2):
        poll(delete_deployment, CleanUp(*told_of(clients, upload(clients, unique, second))), clients)
    left = {each.name for each in clients.machine_learning.batch_deployments.list(endpoint)}
    assert left == {names[2]}


def test_a_model_of_another_run_is_refused(clients: Clients, unique: str) -> None:
    of = upload(clients, unique, 1)
    with pytest.raises(RefusedError) as wrong:
        read_training_result(trained(clients, of, run_id="somebody-else"), clients)
    assert wrong.value.code == "WrongModel"


def test_a_result_is_read_with_its_gate_and_its_report(clients: Clients, unique: str) -> None:
    of = upload(clients, unique, 1)
    bare = result(clients, of)
    assert bare.report == ""
    path = f"runs/{run_id(of)}/report.html"
    actors.trainer().upload_blob(path, b"<!doctype html>")
    found = result(clients, of)
    assert found == replace(bare, report=path)
    assert (found.task, found.algorithm, found.verdict) == ("classification", "boosting", "keep_champion")
    assert found.gate is not None
    assert found.gate.champion is not None
    assert (found.gate.champion.value, found.gate.champion.challenger) == (0.97, 0.9)
    assert (found.notes, found.dropped_rows) == (["column 2 had no name"], 3)
    assert found.dropped_columns == [Dropped("id", "every row has another value")]
    assert found.choice is not None
    assert to_json(found.choice) == CHOICE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gate": GATE | {"verdict": "deploy"}}, 'say "keep_champion"'),
        ({"gate": None}, "it holds no gate"),
        ({"schema_version": None}, "its schema_version is null"),
        ({"gate": GATE | {"champion": None, "verdict": "deploy"}}, "does not compare the model with"),
        (
            {"gate": GATE | {"champion": COMPARISON | {"interval": None}, "verdict": "deploy"}},
            "has no interval",
        ),
        ({"task": "regression"}, "trained for regression"),
        ({"metrics": {"accuracy": "high"}}, "it holds no accuracy"),
        ({"metrics": {"accuracy": math.nan}}, "it holds no accuracy"),
        ({"metrics": {"accuracy": math.inf}}, "it holds no accuracy"),
    ],
)
def test_a_result_whose_verdict_does_not_follow_is_refused(
    clients: Clients, unique: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        read_training_result(trained(clients, upload(clients, unique, 1), **changes), clients)
    assert refused.value.code == "InvalidModel"
    assert words in str(refused.value)
    assert "publish the trainer and the pipeline" in str(refused.value)


# --- The champion -------------------------------------------------------------------------------------


def champion(clients: Clients, unique: str, **settings: str) -> Champion:
    return find_champion(RunStep(*told_of(clients, upload(clients, unique, 1), **settings)), clients)


def test_the_champion_is_the_model_behind_the_default(clients: Clients, unique: str) -> None:
    _, names = served(clients, unique, [1, 2])
    assert champion(clients, unique) == Champion(), "there is no default yet"
    poll(promote, promotion(clients, unique, 1), clients)
    folder = f"runs/{run_id(upload(clients, unique, 1))}/0/abc/artifacts/model"
    digest = model_digest(folder, clients)
    found = champion(clients, unique)
    assert found == Champion(f"m{unique}:1", folder, names[1], digest)
    poll(promote, promotion(clients, unique, 2), clients)
    assert champion(clients, unique).model == f"m{unique}:2"


def test_a_node_that_changes_a_registered_model_does_not_change_its_digest(
    clients: Clients, unique: str, cloud_home: Home
) -> None:
    """The nodes may write below runs/. What they write into a model is seen before the model is loaded."""
    served(clients, unique, [1])
    poll(promote, promotion(clients, unique, 1), clients)
    of = champion(clients, unique)
    assert of.digest == model_digest(of.folder, clients)
    settings = clients.settings
    with ContainerClient(
        settings.storage_url,
        settings.container,
        credential=Principal(cloud_home, "pool"),
        connection_verify=str(cloud_home.ca_bundle),
        proxies=cloud_home.proxies,
    ) as node:
        node.upload_blob(f"{of.folder}/code/sitecustomize.py", b"import os")
    again = champion(clients, unique)
    assert again == of
    assert model_digest(of.folder, clients) != of.digest


def test_a_missing_endpoint_has_no_champion(clients: Clients, unique: str) -> None:
    assert champion(clients, unique, endpoint_name=f"none-{unique}") == Champion()


def test_a_model_version_is_tagged_with_the_verdict_and_both_numbers(clients: Clients, unique: str) -> None:
    version = registered(clients, upload(clients, unique, 1))
    tags = clients.machine_learning.models.get(version.name, version.version).tags
    tagged = {"verdict", "metric", "value", "champion", "champion_value", "accuracy", "task", "algorithm"}
    assert {name: tags[name] for name in tagged} == {
        "verdict": "keep_champion",
        "metric": "accuracy",
        "value": "0.9",
        "champion": "older:1",
        "champion_value": "0.97",
        "accuracy": "0.9",
        "task": "classification",
        "algorithm": "boosting",
    }
    assert tags["mlflow_run"] == "abc"
    assert all(tags.values()), "Azure ML refuses an empty tag"


def test_the_tags_of_a_first_model_and_of_a_champion_that_could_not_score_are_not_empty(
    clients: Clients, unique: str
) -> None:
    nobody = GATE | {"verdict": "deploy", "reasons": [], "champion": None}
    silent = {"value": None, "challenger": None, "interval": None, "error": "column b is not there"}
    unknown = nobody | {"champion": COMPARISON | silent}
    for second, (gate, compared) in enumerate(((nobody, Champion()), (unknown, CHAMPION)), 1):
        of = upload(clients, unique, second)
        given = replace(trained(clients, of, gate=gate), champion=compared)
        judged = read_training_result(given, clients)
        version = register_model(ModelInput(*told_of(clients, of), judged), clients)
        tags = clients.machine_learning.models.get(version.name, version.version).tags
        assert tags["verdict"] == "deploy"
        assert tags.get("champion_value") == (None if gate is nobody else "not comparable")
        assert all(tags.values())


def test_a_deployment_that_azure_ml_refuses_fails_with_azure_mls_message(
    clients: Clients, unique: str
) -> None:
    of = upload(clients, unique, 1)
    model = registered(clients, of)
    folder = f"runs/{run_id(of)}/0/abc/artifacts/model/MLmodel"
    actors.trainer().delete_blob(folder)
    step = PolledStep(*told_of(clients, of))
    poll(ensure_compute, step, clients)
    poll(ensure_endpoint, step, clients)
    order = DeploymentInput(step.run_id, step.etag, model.version)
    with pytest.raises(RefusedError) as refused:
        poll(deploy_model, order, clients)
    assert refused.value.code == "ProvisioningFailed"
    assert f"deployment {naming.deployment_name(step.run_id)}: Failed:" in str(refused.value)
    assert "MLmodel" in str(refused.value)
