"""The workspace checks a model, and a job scores with it as its cluster, each by its roles alone."""

import logging
from dataclasses import dataclass

import pytest

from activities.dataset import sample_path
from activities.model_registry import register_model
from activities.provisioning import deploy_model, ensure_compute, ensure_endpoint
from activities.smoke_test import smoke_test
from activities.training_result import read_training_result
from runs import naming, remedies
from runs.contracts import (
    Champion,
    ComputeInput,
    DeploymentInput,
    EndpointInput,
    ModelInput,
    SmokeTestInput,
    TrainedModel,
)
from tests.integration.product.test_serving import SETTINGS, poll
from tests.integration.roles.stage import Stage, check_refusal, in_cases, proves, refusal

pytestmark = pytest.mark.integration

CLUSTER = "cpu-cluster"
COORDINATION = ("scoringKeepsTasksInTables", "scoringHandsOutTasksInQueues")
BLOBS = {
    "defaults": ("scoringUsesBlobs",),
    "narrow": ("scoringReadsAndWritesData", "scoringWritesLogs"),
}
"""By case of tests/bicep, with what a scoring job uses blobs."""


@dataclass(frozen=True)
class Served:
    """A deployment. model: the folder of its MLflow model."""

    endpoint: str
    deployment: str
    model: str


def order(stage: Stage, unique: str) -> tuple[DeploymentInput, str]:
    """What deploy_model is asked for, with its endpoint, cluster and model; and the model's folder."""
    clients, trained = stage.clients, stage.model(unique)
    upload, run_id = trained.upload, trained.run_id
    of_run = TrainedModel(run_id, upload, trained.mlmodel, SETTINGS, Champion())
    result = read_training_result(of_run, clients)
    endpoint = naming.endpoint_name(unique, clients.settings.workspace_id)
    poll(ensure_compute, ComputeInput(CLUSTER, "Standard_DS3_v2"), clients)
    poll(ensure_endpoint, EndpointInput(endpoint, unique, run_id, upload), clients)
    model = register_model(ModelInput(run_id, upload, unique, result), clients)
    return DeploymentInput(run_id, upload, endpoint, unique, model, CLUSTER), result.folder


def served(stage: Stage, unique: str) -> Served:
    wanted, folder = order(stage, unique)
    poll(deploy_model, wanted, stage.clients)
    return Served(wanted.endpoint, wanted.name, folder)


def score(stage: Stage, of: Served, attempt: str) -> str:
    """What the smoke test says where it fails; "" where it succeeds."""
    run_id = f"{of.deployment}-{attempt.lower()}"
    stage.clients.container.upload_blob(sample_path(run_id), b"a\n1\n12\n", overwrite=True)
    wanted = SmokeTestInput(run_id, of.endpoint, of.deployment, of.model, "classification", CLUSTER)
    return refusal(lambda: poll(smoke_test, wanted, stage.clients))


@proves("workspaceReadsAndWritesBlobs")
def test_without_its_role_the_workspace_cannot_read_a_model_that_is_deployed(
    stage: Stage, unique: str
) -> None:
    wanted, _ = order(stage, unique)
    with stage.assignments.without("workspaceReadsAndWritesBlobs") as taken:
        words = refusal(lambda: poll(deploy_model, wanted, stage.clients))
    check_refusal(words, "workspaceReadsAndWritesBlobs", taken)
    again = DeploymentInput(
        wanted.run_id, wanted.upload, wanted.endpoint, f"{unique}2", wanted.model, CLUSTER
    )
    assert refusal(lambda: poll(deploy_model, again, stage.clients)) == ""


@in_cases(*BLOBS)
@proves(*COORDINATION, *(name for names in BLOBS.values() for name in names))
def test_without_its_roles_a_scoring_job_fails_and_the_run_says_which_its_cluster_needs(
    stage: Stage, unique: str, case: str
) -> None:
    of = served(stage, unique)
    for name in BLOBS[case]:
        with stage.assignments.without(name) as taken:
            words = score(stage, of, name)
        check_refusal(words, name, taken)
    for name in COORDINATION:
        with stage.assignments.without(name):
            words = score(stage, of, name)
        assert "exited with status code 42" in words
        check_refusal(words, name)
    assert score(stage, of, "again") == ""


@proves("appReadsScoringLogs")
def test_without_its_role_the_app_cannot_read_the_log_of_a_failed_job(
    stage: Stage, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    of = served(stage, unique)
    with stage.assignments.without("scoringKeepsTasksInTables"):
        with (
            stage.assignments.without("appReadsScoringLogs") as taken,
            caplog.at_level(logging.WARNING),
        ):
            assert remedies.STORAGE_ROLES not in score(stage, of, "unread")
        (logged,) = [each.getMessage() for each in caplog.records if "its error.txt" in each.getMessage()]
        check_refusal(logged, "appReadsScoringLogs", taken)
        assert remedies.STORAGE_ROLES in score(stage, of, "read")
