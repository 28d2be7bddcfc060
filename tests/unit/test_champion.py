"""The champion is what an endpoint serves by default, whoever put it there."""

from typing import Any

import pytest

from activities.champion import find_champion
from runs.steps import Champion, RunStep
from tests.unit.kept import kept
from tests.unit.machine_learning import Workspace
from tests.unit.rehearsed import RUN, UPLOAD
from tests.unit.wire import SETTINGS

OWN = f"{SETTINGS.workspace_id}/models/iris/versions/7"
FOLDER = "runs/older/0/cd34/artifacts/model"
DIGEST = "0123456789abcdef" * 4


def champion(workspace: Workspace) -> Champion:
    """The champion of a run whose settings name the endpoint."""
    return find_champion(RunStep(RUN, UPLOAD.etag), kept(workspace.clients, endpoint_name="iris"))


def serving(model: dict[str, Any] | None) -> Workspace:
    """A workspace whose endpoint serves the model with this reference by default."""
    workspace = Workspace()
    workspace.endpoint("iris", default="run-7")
    workspace.deployment("iris", "run-7")
    workspace.resources["batchEndpoints/iris/deployments/run-7"]["properties"]["model"] = model
    return workspace


def by_id(model_id: str) -> dict[str, Any]:
    return {"referenceType": "Id", "assetId": model_id}


def stored(workspace: Workspace, path: str, **tags: str) -> Workspace:
    """The same workspace, with the version 7 of the model, which lies at `path`.

    tags: beside or instead of those that register_model sets.
    """
    tagged = {"run": "older", "sha256": DIGEST} | tags
    properties = {"modelType": "mlflow_model", "modelUri": path, "flavors": {}, "tags": tagged}
    workspace.resources["models/iris/versions/7"] = {"properties": properties}
    return workspace


@pytest.mark.parametrize("model_id", [OWN, f"azureml:{OWN}", OWN.replace("subscriptions", "Subscriptions")])
def test_the_champion_is_named_with_its_folder_and_its_deployment(model_id: str) -> None:
    path = f"azureml://datastores/{SETTINGS.datastore}/paths/{FOLDER}"
    workspace = stored(serving(by_id(model_id)), path)
    assert champion(workspace) == Champion("iris:7", FOLDER, "run-7", DIGEST)


def test_a_champion_that_lies_elsewhere_or_was_deleted_is_named_without_a_folder() -> None:
    elsewhere = stored(serving(by_id(OWN)), "azureml://datastores/another/paths/model")
    deleted = serving(by_id(OWN))
    for workspace in (elsewhere, deleted):
        assert champion(workspace) == Champion("iris:7", "", "run-7")


@pytest.mark.parametrize(
    ("path", "tags"),
    [
        (FOLDER, {"run": "another"}),
        (FOLDER, {"run": ""}),
        (FOLDER, {"sha256": ""}),
        (FOLDER, {"sha256": DIGEST[1:]}),
        (FOLDER, {"sha256": DIGEST.upper()}),
        ("datasets/model", {}),
        ("runs/older/model", {}),
        ("runs/older/0/cd34/artifacts/model/code", {}),
        ("runs/older/0/cd34/artifacts", {}),
        ("scoring/runs/older/0/cd34/artifacts/model", {}),
        ("code/0123", {}),
    ],
)
def test_only_what_this_app_registered_and_tagged_is_given_to_the_trainer(
    path: str, tags: dict[str, str]
) -> None:
    """A person who registers files, which the trainer would run, is no run of Touchdown."""
    at = f"azureml://datastores/{SETTINGS.datastore}/paths/{path}"
    found = champion(stored(serving(by_id(OWN)), at, **tags))
    assert found == Champion("iris:7", "", "run-7")


def test_an_endpoint_that_serves_nothing_has_no_champion() -> None:
    without_default, without_deployment = Workspace(), Workspace()
    without_default.endpoint("iris")
    without_deployment.endpoint("iris", default="run-7")
    for workspace in (Workspace(), without_default, without_deployment):
        assert champion(workspace) == Champion()


@pytest.mark.parametrize(
    "model_id",
    [
        OWN.replace("/workspaces/", "/workspaces/another-"),
        "azureml://registries/shared/models/iris/versions/7",
        f"{SETTINGS.workspace_id}/models/iris",
    ],
    ids=["another workspace", "a registry", "no version"],
)
def test_a_model_that_the_workspace_does_not_hold_is_named_by_its_id(model_id: str) -> None:
    assert champion(serving(by_id(model_id))) == Champion(model_id, "", "run-7")


@pytest.mark.parametrize("model", [None, by_id("")], ids=["none", "without an id"])
def test_a_deployment_whose_model_has_no_id_serves_an_unknown_champion(model: dict[str, Any] | None) -> None:
    assert champion(serving(model)) == Champion("unknown", "", "run-7")


def test_a_long_id_is_named_by_its_beginning() -> None:
    """The name becomes a tag."""
    assert champion(serving(by_id("/" + "m" * 999))).model == "/" + "m" * 255
