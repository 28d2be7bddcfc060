"""The orchestration of a run: one uploaded CSV becomes the endpoint's default deployment.

The order of the stages is the promise:

- nothing is paid for before the dataset has been inspected, and by no more than one run for each version;
- nothing is registered before it is known to be this run's model;
- nothing is deployed that has not passed the gate;
- the default changes last, and only to a deployment that has just scored rows of the dataset and, if the run
  needs approval, has been approved.
"""

from datetime import timedelta

import azure.durable_functions as df
from durabletask import task

from orchestrators.approval import wait_for_decision, why_approval
from orchestrators.compensation import compensate, delete_deployment
from orchestrators.run_context import BRIEF, LASTING, RunContext, RunStoppedError, Workflow
from orchestrators.stages import Stage
from orchestrators.waiting import DatasetChangedError, Generation, ModelReady, wait_for_model
from runs import naming
from runs.contracts import Dataset, Inspection, Json, from_json, to_json
from runs.record import claimed
from runs.steps import (
    Champion,
    DeploymentInput,
    Done,
    ModelInput,
    ModelVersion,
    PolledStep,
    Progress,
    Promotion,
    PromotionInput,
    ProvisioningStatus,
    RunStep,
    SmokeTestInput,
    SmokeTestStatus,
    TrainedModel,
    Training,
    TrainingInput,
    TrainingResult,
    Wait,
)

MOST_INSPECTIONS = 3
"""How often a run inspects a dataset that changes each time before the training has read it."""
PROVISIONING_LIMIT = timedelta(hours=1)
SMOKE_TEST_LIMIT = timedelta(hours=2)
"""The first scoring job builds its image (10 to 20 minutes) and starts a node (5 to 15 minutes); any job
waits while others use all nodes of the cluster."""

NO_RUN = frozenset({"NotClaimed", "RunEnded"})
"""Codes of refusals that end an orchestration without a word: its run does not exist, or has ended."""

orchestrations = df.Blueprint()


class RunFailedError(Exception):
    """The run failed. The orchestration then fails too, so that the engine, its logs and alerts show it."""


@orchestrations.orchestration_trigger(context_name="ctx")
def training_run(ctx: task.OrchestrationContext, given: Json) -> Workflow[Json | None]:
    """Run the stages and return the run's record. The input is a Generation.

    A run that fails or is cancelled leaves the endpoint's default as it was. What it began is undone: its
    pipeline run and its scoring job are cancelled, its deployment is deleted. A registered model version, the
    cluster and the endpoint stay. The record says at which stage it ended, why, and what could not be undone.
    Only if the promotion itself failed may the default have moved; a deployment that is the default is kept.

    Returns None if the run continues in a new generation; if this run id has already finished, since an
    engine may start it again; or if storage has no such run, since anyone who has the key of the durable API
    may start an orchestration with any input. Raises RunFailedError if the run failed; a cancelled run raises
    nothing.

    Each step that acts on the run's settings is told only the run and the version of its dataset, and reads
    the settings in storage. Timeouts, and whether an approval is needed, are decided here by what
    inspect_dataset has written there and returned, or resume_run has read there: an orchestrator does no I/O.
    """
    generation = from_json(Generation, given)
    if ctx.instance_id != generation.request.run_id:
        return None
    run = RunContext.begin(ctx, generation.request, claimed(generation.request))
    try:
        wait = None if generation.is_first else (yield from resume(run))
        ended = yield from run_stages(run, wait)
        if not ended:
            return None
        run.end("Succeeded")
    except RunStoppedError as stopped:
        if stopped.code in NO_RUN:
            return None
        if run.stage is None:
            # A generation that cannot read where the run stands knows nothing that it could record or undo.
            raise RunFailedError(str(stopped)) from stopped
        run.end(stopped.status, stopped)
        yield from compensate(run)
    yield from record_run(run)
    if run.record.error and run.record.status == "Failed":
        raise RunFailedError(run.record.error.message)
    return to_json(run.record)


def resume(run: RunContext) -> Workflow[Wait]:
    """Go on where the generation before has stopped, by what it has kept in storage."""
    progress = yield from run.call("resume_run", run.request, Progress, LASTING)
    run.record = progress.record
    return progress.wait


def run_stages(run: RunContext, wait: Wait | None) -> Workflow[bool]:
    """Run all stages but record_run. Returns whether they are over; if not, a new generation continues them.

    wait: the state of the wait in the generation before, if the training has started. Raises RunStoppedError
    if the run ends early.
    """
    trained = yield from train(run, wait)
    if trained is None:
        return bool(run.record.superseded_by)
    wait, path = trained
    settings = wait.dataset.settings
    decided_since = ""
    result = yield from read_training_result(run, wait.champion, path)
    model = yield from register_model(run, result)
    if result.verdict == "keep_champion":
        run.update(outcome="kept_champion")
        return True
    yield from ensure_compute(run)
    yield from ensure_endpoint(run)
    yield from deploy_model(run, model)
    yield from smoke_test(run, result)
    why = why_approval(settings, wait.champion, result.gate)
    if why:
        limit = timedelta(seconds=settings.approval_timeout)
        approval = yield from wait_for_decision(run, limit, why)
        if approval.decision != "approved":
            yield from delete_deployment(run)
            run.update(outcome="rejected" if approval.decision == "rejected" else "approval_timed_out")
            return True
        decided_since = run.record.stages[-1].started
    yield from promote(run, decided_since)
    yield from prune_deployments(run)
    return True


def train(run: RunContext, wait: Wait | None) -> Workflow[tuple[Wait, str] | None]:
    """Inspect the dataset, train on it and wait for the model. Returns the wait and the path of the model.

    A dataset that changes before the training has read it, because its metadata are set, for example, is
    inspected again. Returns None if another run has the dataset, or a new generation continues the wait.
    """
    model_ready = ModelReady(run)
    while True:
        if wait is None:
            dataset = yield from inspect_dataset(run)
            if dataset is None:
                return None
            wait = yield from start_training(run, dataset)
            run.enter(Stage.WAIT)
        else:
            run.polling = wait.dataset.polling
            run.update_custom_status()
        try:
            path = yield from wait_for_model(run, wait, model_ready)
        except DatasetChangedError as changed:
            check_inspections(run, changed)
            wait = None
        else:
            return None if path is None else (wait, path)


def check_inspections(run: RunContext, changed: DatasetChangedError) -> None:
    """Raises DatasetChangedError if the run has inspected its dataset as often as it may."""
    inspections = [each for each in run.record.stages if each.name == Stage.INSPECT_DATASET]
    if len(inspections) >= MOST_INSPECTIONS:
        message = (
            f"{changed}; it has been inspected {len(inspections)} times. Once nothing writes to it any more,"
            " start a run with POST /api/runs."
        )
        raise DatasetChangedError("Failed", "DatasetChanged", message) from changed


def inspect_dataset(run: RunContext) -> Workflow[Dataset | None]:
    """The dataset, whose version is the run's from now on; None if another run has claimed that version."""
    is_first = run.stage is None
    run.enter(Stage.INSPECT_DATASET)
    try:
        found = yield from run.call("inspect_dataset", run.request, Inspection)
    except RunStoppedError as stopped:
        if is_first and stopped.code not in NO_RUN:
            yield from run.publish_lifecycle_event("RunStarted", BRIEF)
        raise
    dataset = found.dataset
    if dataset is not None:
        run.go_on_with(dataset.upload)
    if is_first:
        yield from run.publish_lifecycle_event("RunStarted", BRIEF)
    if dataset is None:
        run.update(outcome="superseded", superseded_by=found.superseded_by)
        return None
    run.polling = dataset.polling
    settings = dataset.settings
    run.update(settings=settings, endpoint=settings.endpoint_name, model_name=settings.model_name)
    return dataset


def start_training(run: RunContext, dataset: Dataset) -> Workflow[Wait]:
    """Find the champion, and start a pipeline run that trains a challenger."""
    run.enter(Stage.START_TRAINING)
    # That of an earlier training must not be taken for the one that is started now.
    run.update(pipeline_run_id="")
    champion = yield from run.call("find_champion", RunStep(*run.version), Champion)
    if champion.model and not champion.folder:
        run.warn(
            f"find_champion: the model {champion.model} of the default deployment is not one that Touchdown"
            " stored in this container and tagged with its hash, so the new model is not compared with it."
        )
    training = yield from run.call("start_training", TrainingInput(*run.version, champion), Training)
    run.update(pipeline_run_id=training.pipeline_run_id)
    deadline = run.now + timedelta(seconds=dataset.settings.training_timeout)
    return Wait(dataset, champion, dataset.polling.run_first, deadline.isoformat())


def read_training_result(run: RunContext, champion: Champion, path: str) -> Workflow[TrainingResult]:
    run.enter(Stage.READ_TRAINING_RESULT)
    trained = TrainedModel(*run.version, path, champion)
    result = yield from run.call("read_training_result", trained, TrainingResult)
    run.update(
        mlflow_run_id=result.mlflow_run_id,
        metrics=result.metrics,
        task=result.task,
        algorithm=result.algorithm,
        verdict=result.verdict,
        gate=result.gate,
        notes=result.notes,
        dropped_columns=result.dropped_columns,
        dropped_rows=result.dropped_rows,
        report=result.report,
        choice=result.choice,
    )
    return result


def register_model(run: RunContext, result: TrainingResult) -> Workflow[ModelVersion]:
    """Register the model, also one that has not passed the gate."""
    run.enter(Stage.REGISTER_MODEL)
    model = yield from run.call("register_model", ModelInput(*run.version, result), ModelVersion)
    run.update(model_version=model.version)
    return model


def ensure_compute(run: RunContext) -> Workflow[None]:
    run.enter(Stage.ENSURE_COMPUTE)
    compute = PolledStep(*run.version)
    yield from run.poll_until_ready("ensure_compute", compute, ProvisioningStatus, PROVISIONING_LIMIT)


def ensure_endpoint(run: RunContext) -> Workflow[None]:
    run.enter(Stage.ENSURE_ENDPOINT)
    endpoint = PolledStep(*run.version)
    yield from run.poll_until_ready("ensure_endpoint", endpoint, ProvisioningStatus, PROVISIONING_LIMIT)


def deploy_model(run: RunContext, model: ModelVersion) -> Workflow[None]:
    run.enter(Stage.DEPLOY_MODEL)
    run.update(deployment=naming.deployment_name(run.request.run_id))
    deployment = DeploymentInput(*run.version, model.version)
    yield from run.poll_until_ready("deploy_model", deployment, ProvisioningStatus, PROVISIONING_LIMIT)


def smoke_test(run: RunContext, result: TrainingResult) -> Workflow[None]:
    run.enter(Stage.SMOKE_TEST)
    test = SmokeTestInput(*run.version, result.folder)

    def show(status: SmokeTestStatus) -> None:
        run.wait_for(status.waiting_for)

    scored = yield from run.poll_until_ready(
        "smoke_test", test, SmokeTestStatus, SMOKE_TEST_LIMIT, on_poll=show
    )
    run.update(predictions=scored.predictions)


def promote(run: RunContext, decided_since: str) -> Workflow[None]:
    """Make the deployment the default. decided_since: when the wait for an approval began, or ""."""
    run.enter(Stage.PROMOTE)
    promotion = PromotionInput(*run.version, decided_since)
    promoted = yield from run.poll_until_ready("promote", promotion, Promotion, PROVISIONING_LIMIT, LASTING)
    run.update(outcome=promoted.outcome)


def prune_deployments(run: RunContext) -> Workflow[None]:
    """Delete old deployments, this run's too if a newer upload superseded it. A failure is a warning."""
    prune = PolledStep(*run.version)
    workflow = run.poll_until_ready("prune_deployments", prune, ProvisioningStatus, PROVISIONING_LIMIT)
    yield from run.attempt("prune_deployments", workflow)


def record_run(run: RunContext) -> Workflow[None]:
    """Write the record, then publish the last lifecycle event."""
    run.enter(Stage.RECORD_RUN)
    run.close_stage()
    run.update(ended_at=run.timestamp())
    yield from run.call("record_run", run.record, Done, LASTING)
    yield from run.publish_lifecycle_event(f"Run{run.record.status}")
