"""The workspace checks a model, and a job scores with it as its cluster, each by its roles alone."""

import logging
from contextlib import suppress

import pytest
from azure.core.exceptions import ResourceNotFoundError

from activities.dataset import sample_path
from activities.model_registry import register_model
from activities.provisioning import deploy_model, ensure_compute, ensure_endpoint
from activities.smoke_test import JOB_NOTE, predictions_path, smoke_test
from activities.training_result import read_training_result
from runs import naming, remedies
from runs.steps import Champion, DeploymentInput, ModelInput, PolledStep, SmokeTestInput, TrainedModel
from tests.integration.product.test_serving import poll
from tests.integration.roles.stage import Stage, check_refusal, in_cases, proves, refusal, told_of

pytestmark = pytest.mark.integration

COORDINATION = ("scoringKeepsTasksInTables", "scoringHandsOutTasksInQueues")
BLOBS = {
    "defaults": ("scoringUsesBlobs",),
    "narrow": ("scoringReadsAndWritesData", "scoringWritesLogs"),
}
"""By case of tests/bicep, with what a scoring job uses blobs."""


def order(stage: Stage, unique: str) -> tuple[DeploymentInput, str]:
    """What deploy_model is told, once there are endpoint, cluster and model; and the model's folder."""
    clients, trained = stage.clients, stage.model(unique)
    endpoint = naming.endpoint_name(unique, clients.settings.workspace_id)
    told = told_of(stage, trained.upload, endpoint_name=endpoint, model_name=unique)
    result = read_training_result(TrainedModel(*told, trained.mlmodel, Champion()), clients)
    poll(ensure_compute, PolledStep(*told), clients)
    poll(ensure_endpoint, PolledStep(*told), clients)
    model = register_model(ModelInput(*told, result), clients)
    return DeploymentInput(*told, model.version), result.folder


def served(stage: Stage, unique: str) -> SmokeTestInput:
    """What smoke_test is told, once there is a deployment of its own endpoint."""
    wanted, folder = order(stage, unique)
    poll(deploy_model, wanted, stage.clients)
    return SmokeTestInput(wanted.run_id, wanted.etag, folder)


def score(stage: Stage, wanted: SmokeTestInput) -> str:
    """What the smoke test says where it fails; "" where it succeeds. Each call starts a job."""
    container = stage.clients.container
    for left in (naming.app_file(wanted.run_id, JOB_NOTE), predictions_path(wanted.run_id)):
        with suppress(ResourceNotFoundError):
            container.delete_blob(left)
    container.upload_blob(sample_path(wanted.run_id), b"a\n1\n12\n", overwrite=True)
    return refusal(lambda: poll(smoke_test, wanted, stage.clients))


@proves("workspaceReadsAndWritesBlobs")
def test_without_its_role_the_workspace_cannot_read_a_model_that_is_deployed(
    stage: Stage, unique: str
) -> None:
    wanted, _ = order(stage, unique)
    with stage.assignments.without("workspaceReadsAndWritesBlobs") as taken:
        words = refusal(lambda: poll(deploy_model, wanted, stage.clients))
    check_refusal(words, "workspaceReadsAndWritesBlobs", taken)
    again, _ = order(stage, f"{unique}2")
    assert refusal(lambda: poll(deploy_model, again, stage.clients)) == ""


@in_cases(*BLOBS)
@proves(*COORDINATION, *(name for names in BLOBS.values() for name in names))
def test_without_its_roles_a_scoring_job_fails_and_the_run_says_which_its_cluster_needs(
    stage: Stage, unique: str, case: str
) -> None:
    of = served(stage, unique)
    for name in BLOBS[case]:
        with stage.assignments.without(name) as taken:
            words = score(stage, of)
        check_refusal(words, name, taken)
    for name in COORDINATION:
        with stage.assignments.without(name):
            words = score(stage, of)
        assert "exited with status code 42" in words
        check_refusal(words, name)
    assert score(stage, of) == ""


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
            assert remedies.STORAGE_ROLES not in score(stage, of)
        (logged,) = [each.getMessage() for each in caplog.records if "its error.txt" in each.getMessage()]
        check_refusal(logged, "appReadsScoringLogs", taken)
        assert remedies.STORAGE_ROLES in score(stage, of)
