"""An endpoint and a model name belong to a dataset, and a run uses no other's: the attack, step by step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from activities.champion import find_champion
from activities.model_registry import register_model
from activities.ownership import claim_model_name
from activities.promotion import promote, prune_deployments
from activities.provisioning import ensure_endpoint
from runs.errors import RefusedError
from runs.steps import ModelInput, PolledStep, Promotion, PromotionInput, RunStep
from services import run_store
from services.clients import Clients
from tests.unit.kept import kept
from tests.unit.machine_learning import OF_IRIS, OPERATION, PUBLIC, Workspace
from tests.unit.rehearsed import DEPLOYMENT, REQUEST, RESULT, RUN, UPLOAD
from tests.unit.wire import Wire

THEIRS = {"made_by": "touchdown", "dataset": "payroll", "model": "payroll"}
NOBODYS = {"model": "iris", "dataset": "iris"}
"""The tags that a person gave an endpoint by hand."""
ALLOWED = replace(PUBLIC, may_take_over=True)
IDS = ["the request does not say so", "the app does not allow it", "nobody claimed the run"]


def theirs(tags: dict[str, str] | None = None) -> Workspace:
    """A workspace with the endpoint and the model of another team, both with these tags."""
    workspace = Workspace()
    tags = THEIRS if tags is None else tags
    workspace.endpoint("payroll", default="run-0", tags=tags)
    newer = {"uploaded": "2030-01-01T00:00:00.000000Z", "run": "theirs", "dataset": "payroll.csv"}
    workspace.deployment("payroll", "run-0", tags=newer)
    workspace.deployment("payroll", "run-00", tags=newer | {"uploaded": "2020-01-01T00:00:00.000000Z"})
    container: dict[str, Any] = {"description": "of people", "tags": tags, "isArchived": False}
    workspace.resources["models/payroll"] = {"properties": container}
    return workspace


def claimed(clients: Clients, *, take_over: bool) -> None:
    run_store.claim(replace(REQUEST, take_over=take_over), clients)


VERSION = (RUN, UPLOAD.etag)
PROMOTION = PromotionInput(*VERSION)


def in_progress(clients: Clients) -> Clients:
    """The run has been claimed, and the settings that it resolved name the endpoint and the model."""
    run_store.claim(REQUEST, clients)
    return kept(clients, endpoint_name="payroll", model_name="payroll")


STEPS: dict[str, Callable[[Clients], object]] = {
    "before training": lambda clients: find_champion(
        RunStep(*VERSION), kept(clients, endpoint_name="payroll")
    ),
    "before training, the model": lambda clients: find_champion(
        RunStep(*VERSION), kept(clients, endpoint_name="new-one", model_name="payroll")
    ),
    "register_model": lambda clients: register_model(ModelInput(*VERSION, RESULT), in_progress(clients)),
    "ensure_endpoint": lambda clients: ensure_endpoint(PolledStep(*VERSION), in_progress(clients)),
    "promote": lambda clients: promote(PROMOTION, in_progress(clients)),
    "prune_deployments": lambda clients: prune_deployments(PolledStep(*VERSION), in_progress(clients)),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (THEIRS, 'belongs to dataset "payroll"'),
        (NOBODYS, "was not made by a run of a dataset"),
        ({}, "was not made by a run of a dataset"),
    ],
    ids=["another dataset's", "tagged by hand", "without tags"],
)
def test_no_step_uses_what_belongs_to_somebody_else(step: str, tags: dict[str, str], words: str) -> None:
    """A run was told by metadata to replace another team's model, and pruned its deployment."""
    workspace = theirs(tags)
    with pytest.raises(RefusedError) as refused:
        STEPS[step](workspace.clients)
    assert refused.value.code in ("EndpointTaken", "ModelNameTaken")
    assert f'payroll {words}, and this run is about dataset "iris"' in str(refused.value)
    for word in ("POST /api/runs", '"take_over": true', "TOUCHDOWN_TAKE_OVER"):
        assert word in str(refused.value)
    assert (workspace.put, workspace.deleted) == ([], [])


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("settings", "take_over"), [(ALLOWED, False), (PUBLIC, True), (ALLOWED, None)], ids=IDS
)
def test_it_takes_both_the_request_and_the_app_setting(
    step: str, settings: Any, take_over: bool | None
) -> None:
    """The request is what the claim in storage says, whatever an orchestration's input says."""
    workspace = theirs()
    clients = Wire(workspace).clients(settings)
    if take_over is not None:
        claimed(clients, take_over=take_over)
    with pytest.raises(RefusedError, match="belongs to dataset"):
        STEPS[step](clients)
    assert (workspace.put, workspace.deleted) == ([], [])


def test_a_run_that_may_takes_over_once_its_deployment_is_promoted() -> None:
    workspace = theirs()
    clients = Wire(workspace).clients(ALLOWED)
    claimed(clients, take_over=True)
    in_progress(clients)
    assert find_champion(RunStep(*VERSION), clients).deployment == "run-0"
    assert ensure_endpoint(PolledStep(*VERSION), clients).done
    assert workspace.put == [], "until then, its owner keeps it"
    wanted = PROMOTION
    assert promote(wanted, clients) == Promotion(False, OPERATION), "a newer upload of another dataset"
    ((path, body),) = workspace.put
    assert (path, body["properties"]["defaults"]["deploymentName"]) == ("batchEndpoints/payroll", DEPLOYMENT)
    assert body["tags"] == OF_IRIS | {"model": "payroll"}
    workspace.endpoint("payroll", default=DEPLOYMENT, tags=body["tags"])
    assert promote(wanted, clients) == Promotion(True, "", "promoted")
    path, body = workspace.put[1]
    assert path == "models/payroll"
    assert body["properties"]["tags"] == THEIRS | OF_IRIS
    assert body["properties"]["description"] == "of people", "a PUT replaces all of it"
    workspace.resources[path]["properties"] = body["properties"]
    assert promote(wanted, clients).done
    assert len(workspace.put) == 2


def test_a_first_model_makes_its_name_the_datasets() -> None:
    workspace = Workspace()
    claim_model_name("iris_classification", UPLOAD, RUN, workspace.clients)
    assert workspace.put == [("models/iris_classification", {"properties": {"tags": OF_IRIS}})]


@pytest.mark.parametrize("name", ["iris.csv", "IRIS.CSV", "iris.csv.gz", "iris.tsv", "Iris_csv.txt.zip"])
def test_another_writing_of_the_name_is_the_same_dataset(name: str) -> None:
    workspace = theirs(OF_IRIS)
    upload = replace(UPLOAD, path=f"datasets/{name}")
    clients = kept(workspace.clients, upload=upload, endpoint_name="payroll", model_name="payroll")
    assert ensure_endpoint(PolledStep(*VERSION), clients).done
    find_champion(RunStep(*VERSION), clients)
