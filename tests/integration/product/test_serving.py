"""The steps that serve, through the real MLClient: each may run twice, and two runs may meet."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

import pytest

from activities.machine_learning import (
    delete_deployment,
    deploy_model,
    ensure_compute,
    ensure_endpoint,
    find_champion,
    own_folder,
    promote,
    prune_deployments,
    register_model,
)
from activities.storage import read_training_result
from runs import naming
from runs.contracts import (
    Champion,
    ChampionInput,
    CleanUp,
    ComputeInput,
    DeploymentInput,
    Dropped,
    EndpointInput,
    ModelInput,
    ModelVersion,
    PromotionInput,
    PruneInput,
    RunRequest,
    RunSettings,
    TrainedModel,
    TrainingResult,
    Upload,
)
from runs.errors import RefusedError, TransientError
from runs.settings import App
from services import clients, run_store

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


class Looked(Protocol):
    @property
    def done(self) -> bool: ...
    @property
    def operation_url(self) -> str: ...


def settle[O, S: Looked](step: Callable[[O], S], order: O) -> S:
    """Call a step until it is ready, as the orchestrator does; a fault is one more call."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = step(order)
        except TransientError:
            time.sleep(0.2)
            continue
        if state.done:
            return state
        order = replace(order, operation_url=state.operation_url)  # type: ignore[type-var]
        time.sleep(0.1)
    raise AssertionError(f"{step.__name__} was not ready within 60 s")


def upload(app: App, unique: str, second: int) -> Upload:
    moment = f"2026-05-01T00:00:{second:02d}.000000Z"
    return Upload(app.container, f"datasets/{unique}.csv", f"0x{unique}{second}", moment)


def run_id(of: Upload) -> str:
    return naming.run_id(of.container, of.path, of.etag)


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
    "baseline": {"name": "majority class", "value": 0.5, "passed": True},
    "champion": COMPARISON,
}
CHAMPION = Champion("older:1", "runs/older/0/ab/artifacts/model", "run-older")
SETTINGS = RunSettings(
    "kind", "m", "e", 50, 0.1, 0.0, 86400, 2, "cpu-cluster", "Standard_DS3_v2", task="classification"
)


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
        "gate": GATE,
    } | changes


def trained(of: Upload, **changes: Any) -> TrainedModel:
    """A model in storage as the trainer leaves it, small enough to deploy and too small to score."""
    id_ = run_id(of)
    folder = f"runs/{id_}/0/abc/artifacts"
    container = clients.container()
    metrics = json.dumps(metrics_of(of, **changes)).encode()
    container.upload_blob(f"{folder}/metrics.json", metrics, overwrite=True)
    for name in ("conda.yaml", "python_env.yaml", "model.pkl"):
        container.upload_blob(f"{folder}/model/{name}", b"", overwrite=True)
    container.upload_blob(f"{folder}/model/MLmodel", MLMODEL, overwrite=True)
    return TrainedModel(id_, of, f"{folder}/model/MLmodel", SETTINGS, CHAMPION)


def result(of: Upload) -> TrainingResult:
    return read_training_result(trained(of))


def registered(of: Upload, name: str) -> ModelVersion:
    return register_model(ModelInput(run_id(of), of, name, result(of)))


def served(app: App, unique: str, seconds: list[int]) -> tuple[str, dict[int, str]]:
    """An endpoint with one deployment for an upload of each second; the deployments by second."""
    endpoint = naming.endpoint_name(f"m{unique}", app.workspace_id)
    settle(ensure_compute, ComputeInput("cpu-cluster", "Standard_DS3_v2"))
    settle(ensure_endpoint, EndpointInput(endpoint, f"m{unique}"))
    names = {}
    for second in seconds:
        of = upload(app, unique, second)
        names[second] = naming.deployment_name(run_id(of))
        order = DeploymentInput(
            run_id(of), of, endpoint, names[second], registered(of, f"m{unique}"), "cpu-cluster"
        )
        settle(deploy_model, order)
    return endpoint, names


def promotion(app: App, unique: str, second: int, endpoint: str, deployment: str) -> PromotionInput:
    of = upload(app, unique, second)
    return PromotionInput(run_id(of), of, endpoint, deployment)


def default(endpoint: str) -> str:
    found = clients.machine_learning().batch_endpoints.get(endpoint)
    return str(found.defaults.deployment_name) if found.defaults else ""


def test_a_model_is_registered_once_however_often_the_step_runs(app: App, unique: str) -> None:
    of = upload(app, unique, 1)
    first, again = registered(of, f"m{unique}"), registered(of, f"m{unique}")
    assert first == again == ModelVersion(f"m{unique}", "1")
    other = registered(upload(app, unique, 2), f"m{unique}")
    assert other.version == "2"


def test_two_runs_that_register_at_once_get_a_version_each(app: App, unique: str) -> None:
    def register(second: int) -> str:
        of = upload(app, unique, second)
        order = ModelInput(run_id(of), of, f"m{unique}", result(of))
        for _ in range(10):
            try:
                return register_model(order).version
            except TransientError:
                continue
        raise AssertionError("no version was to be had")

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(register, range(1, 5)))
    assert sorted(taken) == ["1", "2", "3", "4"]


def test_the_default_is_of_the_newest_upload_when_runs_finish_together(app: App, unique: str) -> None:
    endpoint, names = served(app, unique, [1, 2, 3])
    orders = [promotion(app, unique, second, endpoint, names[second]) for second in (3, 1, 2)]
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda order: settle(promote, order).outcome, orders))
    assert default(endpoint) == names[3]
    assert outcomes[0] == "promoted"
    # Promoting again changes nothing, and an older one is told that it is too late.
    assert settle(promote, orders[0]).outcome == "promoted"
    assert settle(promote, orders[1]).outcome == "superseded"
    assert default(endpoint) == names[3]


def test_pruning_keeps_the_default_the_newest_and_those_of_runs_under_way(app: App, unique: str) -> None:
    endpoint, names = served(app, unique, [1, 2, 3, 4])
    settle(promote, promotion(app, unique, 4, endpoint, names[4]))
    under_way = upload(app, unique, 2)
    run_store.claim(RunRequest(run_id(under_way), under_way, {}, "event", "2026-05-01T00:00:00Z"))
    newest = upload(app, unique, 4)
    settle(prune_deployments, PruneInput(run_id(newest), newest, endpoint, 2))
    left = {each.name for each in clients.machine_learning().batch_deployments.list(endpoint)}
    assert left == {names[4], names[3], names[2]}


def test_the_default_is_not_deleted_by_a_run_that_cleans_up(app: App, unique: str) -> None:
    endpoint, names = served(app, unique, [1, 2])
    settle(promote, promotion(app, unique, 2, endpoint, names[2]))
    for second in (1, 2):
        settle(delete_deployment, CleanUp("any", "", endpoint, names[second]))
    left = {each.name for each in clients.machine_learning().batch_deployments.list(endpoint)}
    assert left == {names[2]}


def test_a_model_of_another_run_is_refused(app: App, unique: str) -> None:
    of = upload(app, unique, 1)
    with pytest.raises(RefusedError) as wrong:
        read_training_result(trained(of, run_id="somebody-else"))
    assert wrong.value.code == "WrongModel"


def test_a_result_is_read_with_its_gate_and_its_report(app: App, unique: str) -> None:
    of = upload(app, unique, 1)
    bare = result(of)
    assert bare.report == ""
    path = f"runs/{run_id(of)}/report.html"
    clients.container().upload_blob(path, b"<!doctype html>")
    found = result(of)
    assert found == replace(bare, report=path)
    assert (found.task, found.algorithm, found.verdict) == ("classification", "boosting", "keep_champion")
    assert found.gate is not None
    assert found.gate.champion is not None
    assert (found.gate.champion.value, found.gate.champion.challenger) == (0.97, 0.9)
    assert (found.notes, found.dropped_rows) == (["column 2 had no name"], 3)
    assert found.dropped_columns == [Dropped("id", "every row has another value")]


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
    ],
)
def test_a_result_whose_verdict_does_not_follow_is_refused(
    app: App, unique: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        read_training_result(trained(upload(app, unique, 1), **changes))
    assert refused.value.code == "InvalidModel"
    assert words in str(refused.value)
    assert "publish the trainer and the pipeline" in str(refused.value)


# --- The champion -------------------------------------------------------------------------------------


def test_the_champion_is_the_model_behind_the_default(app: App, unique: str) -> None:
    endpoint, names = served(app, unique, [1, 2])
    assert find_champion(ChampionInput(endpoint)) == Champion(), "there is no default yet"
    settle(promote, promotion(app, unique, 1, endpoint, names[1]))
    folder = f"runs/{run_id(upload(app, unique, 1))}/0/abc/artifacts/model"
    assert find_champion(ChampionInput(endpoint)) == Champion(f"m{unique}:1", folder, names[1])
    settle(promote, promotion(app, unique, 2, endpoint, names[2]))
    assert find_champion(ChampionInput(endpoint)).model == f"m{unique}:2"


def test_an_endpoint_that_is_not_there_has_no_champion(app: App, unique: str) -> None:
    assert find_champion(ChampionInput(f"none-{unique}")) == Champion()


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        (
            "azureml://datastores/workspaceblobstore/paths/runs/r/0/a/artifacts/model",
            "runs/r/0/a/artifacts/model",
        ),
        (
            "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/workspaceblobstore/paths/m/",
            "m",
        ),
        ("azureml://datastores/elsewhere/paths/runs/r", ""),
        ("azureml://jobs/j/outputs/artifacts/paths/model", ""),
        ("https://account.blob.core.windows.net/c/model", ""),
        ("", ""),
    ],
)
def test_only_a_folder_of_our_container_can_be_compared_with(app: App, path: str, folder: str) -> None:
    assert own_folder(path) == folder


def test_a_model_version_is_tagged_with_the_verdict_and_both_numbers(app: App, unique: str) -> None:
    version = registered(upload(app, unique, 1), f"m{unique}")
    tags = clients.machine_learning().models.get(version.name, version.version).tags
    told = {"verdict", "metric", "value", "champion", "champion_value", "accuracy", "task", "algorithm"}
    assert {name: tags[name] for name in told} == {
        "verdict": "keep_champion",
        "metric": "accuracy",
        "value": "0.9",
        "champion": "older:1",
        "champion_value": "0.97",
        "accuracy": "0.9",
        "task": "classification",
        "algorithm": "boosting",
    }
    assert all(tags.values()), "Azure ML refuses an empty tag"


def test_the_tags_of_a_first_model_and_of_a_champion_that_could_not_score_are_not_empty(
    app: App, unique: str
) -> None:
    nobody = GATE | {"verdict": "deploy", "reasons": [], "champion": None}
    silent = {"value": None, "challenger": None, "interval": None, "error": "column b is not there"}
    unknown = nobody | {"champion": COMPARISON | silent}
    for second, (gate, champion) in enumerate(((nobody, Champion()), (unknown, CHAMPION)), 1):
        of = upload(app, unique, second)
        judged = read_training_result(replace(trained(of, gate=gate), champion=champion))
        version = register_model(ModelInput(run_id(of), of, f"m{unique}", judged))
        tags = clients.machine_learning().models.get(version.name, version.version).tags
        assert tags["verdict"] == "deploy"
        assert tags.get("champion_value") == (None if gate is nobody else "not comparable")
        assert all(tags.values())


def test_a_deployment_that_azure_ml_refuses_fails_with_its_words(app: App, unique: str) -> None:
    of = upload(app, unique, 1)
    model = registered(of, f"m{unique}")
    folder = f"runs/{run_id(of)}/0/abc/artifacts/model/MLmodel"
    clients.container().delete_blob(folder)
    endpoint = naming.endpoint_name(f"m{unique}", app.workspace_id)
    settle(ensure_compute, ComputeInput("cpu-cluster", "Standard_DS3_v2"))
    settle(ensure_endpoint, EndpointInput(endpoint, f"m{unique}"))
    order = DeploymentInput(run_id(of), of, endpoint, "broken-one", model, "cpu-cluster")
    with pytest.raises(RefusedError) as refused:
        settle(deploy_model, order)
    assert refused.value.code == "ProvisioningFailed"
    assert "deployment broken-one: Failed:" in str(refused.value)
    assert "MLmodel" in str(refused.value)
