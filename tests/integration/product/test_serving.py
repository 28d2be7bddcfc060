"""The steps that serve, through the real MLClient: each may run twice, and two runs may meet."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import pytest

from activities import clients, records
from activities.machine_learning import (
    delete_deployment,
    deploy_model,
    ensure_compute,
    ensure_endpoint,
    promote,
    prune_deployments,
    register_model,
)
from activities.storage import read_training_result
from runs import naming
from runs.contracts import (
    CleanUp,
    ComputeOrder,
    DeploymentOrder,
    EndpointOrder,
    ModelOrder,
    ModelVersion,
    PromotionOrder,
    PruneOrder,
    RunRequest,
    TrainedModel,
    TrainingResult,
    Upload,
)
from runs.errors import Fault, Refused
from runs.settings import App

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
    def ready(self) -> bool: ...
    @property
    def begun(self) -> str: ...


def settle[O, S: Looked](step: Callable[[O], S], order: O) -> S:
    """Call a step until it is ready, as the orchestrator does; a fault is one more call."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = step(order)
        except Fault:
            time.sleep(0.2)
            continue
        if state.ready:
            return state
        order = replace(order, begun=state.begun)  # type: ignore[type-var]
        time.sleep(0.1)
    raise AssertionError(f"{step.__name__} was not ready within 60 s")


def upload(app: App, unique: str, second: int) -> Upload:
    moment = f"2026-05-01T00:00:{second:02d}.000000Z"
    return Upload(app.container, f"datasets/{unique}.csv", f"0x{unique}{second}", moment)


def run_id(of: Upload) -> str:
    return naming.run_id(of.container, of.path, of.etag)


def trained(of: Upload, *, run: str = "") -> TrainedModel:
    """A model in storage as the trainer leaves it, small enough to deploy and too small to score."""
    id_ = run_id(of)
    folder = f"runs/{id_}/0/abc/artifacts"
    metrics = (
        f'{{"run_id": "{run or id_}", "mlflow_run_id": "abc", "label": "kind", "features": ["a"],'
        f' "classes": ["x", "y"], "dataset": {{"etag": "{of.etag}"}}, "metrics": {{"accuracy": 0.9}}}}'
    )
    container = clients.container()
    container.upload_blob(f"{folder}/metrics.json", metrics.encode(), overwrite=True)
    for name in ("conda.yaml", "python_env.yaml", "model.pkl"):
        container.upload_blob(f"{folder}/model/{name}", b"", overwrite=True)
    container.upload_blob(f"{folder}/model/MLmodel", MLMODEL, overwrite=True)
    return TrainedModel(id_, of, f"{folder}/model/MLmodel")


def result(of: Upload) -> TrainingResult:
    return read_training_result(trained(of))


def registered(of: Upload, name: str) -> ModelVersion:
    return register_model(ModelOrder(run_id(of), of, name, result(of)))


def served(app: App, unique: str, seconds: list[int]) -> tuple[str, dict[int, str]]:
    """An endpoint with one deployment for an upload of each second; the deployments by second."""
    endpoint = naming.endpoint_name(f"m{unique}", app.workspace_id)
    settle(ensure_compute, ComputeOrder("cpu-cluster", "Standard_DS3_v2"))
    settle(ensure_endpoint, EndpointOrder(endpoint, f"m{unique}"))
    names = {}
    for second in seconds:
        of = upload(app, unique, second)
        names[second] = naming.deployment_name(run_id(of))
        order = DeploymentOrder(
            run_id(of), of, endpoint, names[second], registered(of, f"m{unique}"), "cpu-cluster"
        )
        settle(deploy_model, order)
    return endpoint, names


def promotion(app: App, unique: str, second: int, endpoint: str, deployment: str) -> PromotionOrder:
    of = upload(app, unique, second)
    return PromotionOrder(run_id(of), of, endpoint, deployment)


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
        order = ModelOrder(run_id(of), of, f"m{unique}", result(of))
        for _ in range(10):
            try:
                return register_model(order).version
            except Fault:
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
    records.claim(RunRequest(run_id(under_way), under_way, {}, "event", "2026-05-01T00:00:00Z"))
    newest = upload(app, unique, 4)
    settle(prune_deployments, PruneOrder(run_id(newest), newest, endpoint, 2))
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
    with pytest.raises(Refused) as wrong:
        read_training_result(trained(of, run="somebody-else"))
    assert wrong.value.code == "WrongModel"


def test_a_deployment_that_azure_ml_refuses_fails_with_its_words(app: App, unique: str) -> None:
    of = upload(app, unique, 1)
    model = registered(of, f"m{unique}")
    folder = f"runs/{run_id(of)}/0/abc/artifacts/model/MLmodel"
    clients.container().delete_blob(folder)
    endpoint = naming.endpoint_name(f"m{unique}", app.workspace_id)
    settle(ensure_compute, ComputeOrder("cpu-cluster", "Standard_DS3_v2"))
    settle(ensure_endpoint, EndpointOrder(endpoint, f"m{unique}"))
    order = DeploymentOrder(run_id(of), of, endpoint, "broken-one", model, "cpu-cluster")
    with pytest.raises(Refused) as refused:
        settle(deploy_model, order)
    assert refused.value.code == "ProvisioningFailed"
    assert "deployment broken-one: Failed:" in str(refused.value)
    assert "MLmodel" in str(refused.value)
