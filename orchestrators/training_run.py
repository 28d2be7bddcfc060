"""A run: one uploaded CSV becomes the endpoint's default deployment.

The order of the steps is the promise. Nothing is paid for before the dataset has been looked at; nothing
is registered before it is known to be this run's model; nothing is deployed that has not passed the gate; the
default moves last, and only to a deployment that has just scored rows of the dataset and, where the run asks
for it, been approved. A run that ends early takes back what it made and leaves the default as it was.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import azure.durable_functions as df
from durabletask import task

from orchestrators.run_context import (
    BACK_OFF,
    BRIEF,
    LASTING,
    TRANSIENT,
    RunContext,
    RunStoppedError,
    Workflow,
)
from runs import naming
from runs.contracts import (
    LONGEST_COMMENT,
    Approval,
    Champion,
    ChampionInput,
    CleanUp,
    ComputeInput,
    Dataset,
    DeploymentInput,
    Done,
    EndpointInput,
    Json,
    LifecycleEvent,
    ModelInput,
    ModelVersion,
    Promotion,
    PromotionInput,
    ProvisioningStatus,
    PruneInput,
    RunRecord,
    RunRequest,
    SmokeTestInput,
    SmokeTestStatus,
    TrainedModel,
    Training,
    TrainingInput,
    TrainingResult,
    TrainingStatus,
    from_json,
    to_json,
)

LOOKS_PER_GENERATION = 50
"""Looks at a pipeline run before the orchestration continues as new: its history stays bounded."""
PROVISIONING_LIMIT = timedelta(hours=1)
SMOKE_LIMIT = timedelta(hours=2)
"""A scoring job on a cluster of 0 nodes starts after 5 to 15 minutes; a busy one queues."""
CLEAN_UP_LIMIT = timedelta(minutes=15)

orchestrations = df.Blueprint()


class RunFailedError(Exception):
    """A run that failed: the orchestration fails too, so that the engine, its logs and alerts show it."""


@dataclass(frozen=True)
class Generation:
    """What one generation of a run hands to the next: all it knows, and how the wait stands.

    champion: the one that training was given to compare with. interval: seconds until the next look.
    deadline: when training has taken too long (ISO 8601).
    """

    request: RunRequest
    record: RunRecord
    dataset: Dataset | None = None
    champion: Champion = field(default_factory=Champion)
    interval: float = 0.0
    deadline: str = ""


@orchestrations.orchestration_trigger(context_name="ctx")
def training_run(ctx: task.OrchestrationContext, given: Json) -> Workflow[Json | None]:
    """Run the story of `given`, a Generation; the answer is the run's record.

    Raises RunFailedError when the run failed. A run that was cancelled ends as completed, and says so.
    """
    here = from_json(Generation, given)
    run = RunContext.begin(ctx, here.request, here.record)
    try:
        if here.dataset is None:
            here = yield from train(run, here)
        else:
            run.note()
        dataset = here.dataset
        assert dataset is not None
        run.watch = (dataset.polling.operation_first, dataset.polling.operation_cap)
        model = yield from wait_for_model(run, here, dataset)
        if model is None:
            return None
        yield from serve(run, dataset, here.champion, model)
        run.end("Succeeded")
    except RunStoppedError as stopped:
        if stopped.code == "RunEnded":
            return None
        run.end(stopped.status, stopped)
        yield from compensate(run)
    run.enter("record_run")
    run.note(stages=run.close_stage(), ended_at=run.stamp())
    yield from run.call("record_run", run.record, Done, LASTING)
    yield from tell(run, f"Run{run.record.status}")
    if run.record.error and run.record.status == "Failed":
        raise RunFailedError(run.record.error.message)
    return to_json(run.record)


def train(run: RunContext, here: Generation) -> Workflow[Generation]:
    """Steps 1 and 2: look at the dataset, then start its pipeline run."""
    run.enter("inspect_dataset")
    try:
        dataset = yield from run.call("inspect_dataset", run.request, Dataset)
    except RunStoppedError as stopped:
        if stopped.code != "RunEnded":
            yield from tell(run, "RunStarted", BRIEF)
        raise
    yield from tell(run, "RunStarted", BRIEF)
    settings = dataset.settings
    run.note(settings=settings, endpoint=settings.endpoint_name, model_name=settings.model_name)

    run.enter("start_training")
    champion = Champion()
    if settings.task:
        # Older code settled no task and asked for no champion; a run of it that is in flight goes on so.
        champion = yield from run.call("find_champion", ChampionInput(settings.endpoint_name), Champion)
    if champion.model and not champion.folder:
        run.warn(
            f"find_champion: the default's model {champion.model} does not lie in this container, so the new"
            " one is not compared with it."
        )
    order = TrainingInput(
        run.request.run_id,
        run.request.upload,
        dataset.label,
        settings.epochs,
        settings.lr,
        task=settings.task,
        algorithm=settings.algorithm,
        rare_classes=settings.rare_classes,
        min_accuracy=settings.min_accuracy,
        max_rmse=settings.max_rmse,
        tolerance=settings.tolerance,
        champion=champion,
    )
    training = yield from run.call("start_training", order, Training)
    run.note(pipeline_run_id=training.pipeline_run_id)

    run.enter("wait")
    deadline = run.now + timedelta(seconds=settings.training_timeout)
    return replace(
        here,
        dataset=dataset,
        champion=champion,
        interval=dataset.polling.run_first,
        deadline=deadline.isoformat(),
    )


def wait_for_model(run: RunContext, here: Generation, dataset: Dataset) -> Workflow[str | None]:
    """Step 3: the path of the run's MLmodel, from its event, or from a look at the pipeline run.

    An event can be lost and a pipeline run can fail without one, so Data Factory is asked too, less and
    less often. None: the orchestration continues as a new generation.

    Raises RunStoppedError: TrainingFailed, TrainingCancelled, TrainingTimedOut, NoModel.
    """
    ctx, training = run.ctx, Training(run.request.run_id, run.record.pipeline_run_id)
    deadline, interval = datetime.fromisoformat(here.deadline), here.interval
    ready = ctx.wait_for_external_event("model_ready")
    for _ in range(LOOKS_PER_GENERATION):
        left = max(0.0, (deadline - run.now).total_seconds())
        timer = ctx.create_timer(timedelta(seconds=min(interval, left)))
        while not timer.is_complete:
            yield task.when_any([ready, run.cancelled, timer])
            if ready.is_complete:
                path = announced(run, ready.get_result())
                if path:
                    timer.cancel()
                    return path
                ready = ctx.wait_for_external_event("model_ready")
            if run.cancelled.is_complete:
                timer.cancel()
            run.check_cancelled()
        state = yield from run.call("get_training_status", training, TrainingStatus)
        path = outcome_of(training, state)
        if path:
            return path
        if run.now >= deadline:
            raise RunStoppedError(
                "Failed",
                "TrainingTimedOut",
                f"training did not finish within {dataset.settings.training_timeout} s (training_timeout);"
                f" pipeline run {training.pipeline_run_id} was {state.status} and is being cancelled.",
            )
        interval = min(interval * BACK_OFF, dataset.polling.run_cap)
    if ready.is_complete and announced(run, ready.get_result()):
        return announced(run, ready.get_result())
    run.check_cancelled()
    carried = replace(here, record=run.record, dataset=dataset, interval=interval)
    ctx.continue_as_new(to_json(carried), save_events=True)
    return None


def announced(run: RunContext, event: object) -> str:
    """The path in a model_ready event if it is a model of this run, else ""; anyone can raise an event."""
    path = event.get("path") if isinstance(event, dict) else None
    return path if isinstance(path, str) and naming.run_of_model(path) == run.request.run_id else ""


def outcome_of(training: Training, state: TrainingStatus) -> str:
    """The model's path when the pipeline run has succeeded, "" while it lasts. Raises RunStoppedError."""
    name = f"pipeline run {training.pipeline_run_id}"
    if state.status == "Succeeded":
        if not state.model_path:
            raise RunStoppedError("Failed", "NoModel", f"{name} succeeded but left no model in storage.")
        return state.model_path
    if state.status == "Cancelled":
        message = f"{name} was cancelled in Data Factory, not by this run."
        raise RunStoppedError("Failed", "TrainingCancelled", message)
    if state.status == "Failed":
        said = f"the trainer exited with {state.exit_code}: " if state.exit_code is not None else ""
        raise RunStoppedError(
            "Failed",
            "TrainingFailed",
            f"{name} failed: {said}{state.stderr or state.message or 'no reason given'}",
        )
    return ""


def serve(run: RunContext, dataset: Dataset, champion: Champion, path: str) -> Workflow[None]:
    """Steps 4 to 10: from a model in storage to the endpoint's default deployment.

    A model that the gate rejects is registered all the same, and that is where the run ends.
    """
    upload, settings = run.request.upload, dataset.settings
    endpoint, deployment = settings.endpoint_name, naming.deployment_name(run.request.run_id)

    run.enter("read_training_result")
    trained = TrainedModel(run.request.run_id, upload, path, settings, champion)
    result = yield from run.call("read_training_result", trained, TrainingResult)
    run.note(
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
    )
    accuracy = result.metrics.get("accuracy", 1.0)
    if not result.verdict and accuracy < settings.min_accuracy:
        # Read by older code, which judged here: a run of it that is in flight is judged the same again.
        raise RunStoppedError(
            "Failed",
            "AccuracyTooLow",
            f"dataset {upload.dataset}: the model's hold-out accuracy {accuracy:.4f} is below min_accuracy"
            f" {settings.min_accuracy:.4f}; nothing was deployed.",
        )

    run.enter("register_model")
    order = ModelInput(run.request.run_id, upload, settings.model_name, result)
    model = yield from run.call("register_model", order, ModelVersion)
    run.note(model_version=model.version)
    if result.verdict == "keep_champion":
        run.note(outcome="kept_champion")
        return

    run.enter("ensure_compute")
    compute = ComputeInput(settings.compute_name, settings.vm_size)
    yield from run.poll_until_ready("ensure_compute", compute, ProvisioningStatus, PROVISIONING_LIMIT)

    run.enter("ensure_endpoint")
    yield from run.poll_until_ready(
        "ensure_endpoint",
        EndpointInput(endpoint, settings.model_name),
        ProvisioningStatus,
        PROVISIONING_LIMIT,
    )

    run.enter("deploy_model")
    run.note(deployment=deployment)
    wanted = DeploymentInput(run.request.run_id, upload, endpoint, deployment, model, settings.compute_name)
    yield from run.poll_until_ready("deploy_model", wanted, ProvisioningStatus, PROVISIONING_LIMIT)

    run.enter("smoke_test")
    smoke = SmokeTestInput(run.request.run_id, endpoint, deployment)
    scored = yield from run.poll_until_ready("smoke_test", smoke, SmokeTestStatus, SMOKE_LIMIT)
    run.note(predictions=scored.predictions)

    if settings.approval == "required":
        approval = yield from decision(run, timedelta(seconds=settings.approval_timeout))
        run.commit()
        run.note(approval=approval)
        if approval.decision != "approved":
            left = CleanUp(run.request.run_id, endpoint=endpoint, deployment=deployment)
            yield from run.attempt(
                "delete_deployment",
                run.poll_until_ready("delete_deployment", left, ProvisioningStatus, CLEAN_UP_LIMIT),
            )
            run.note(outcome="rejected" if approval.decision == "rejected" else "approval_timed_out")
            return

    run.commit()
    run.enter("promote")
    promotion = PromotionInput(run.request.run_id, upload, endpoint, deployment)
    promoted = yield from run.poll_until_ready("promote", promotion, Promotion, PROVISIONING_LIMIT, LASTING)
    run.note(outcome=promoted.outcome)
    prune = PruneInput(run.request.run_id, upload, endpoint, settings.keep_deployments)
    yield from run.attempt(
        "prune_deployments",
        run.poll_until_ready("prune_deployments", prune, ProvisioningStatus, PROVISIONING_LIMIT),
    )


def decision(run: RunContext, limit: timedelta) -> Workflow[Approval]:
    """The stage approve: wait for the event `decision` until the time is up.

    Only a decision about this very wait counts, so an event that came before it, or is about another run,
    decides nothing: see `decided`. Raises RunStoppedError when cancelled.
    """
    run.enter("approve")
    since = run.record.stages[-1].started
    timer = run.ctx.create_timer(limit)
    while True:
        event = run.ctx.wait_for_external_event("decision")
        yield task.when_any([event, run.cancelled, timer])
        if run.cancelled.is_complete:
            timer.cancel()
        run.check_cancelled()
        if not event.is_complete:
            return Approval("timed_out", "", run.stamp())
        approval = decided(event.get_result(), since)
        if approval is not None:
            timer.cancel()
            return approval


def decided(event: object, since: str) -> Approval | None:
    """What a decision event says, or None when it is none; anyone can raise an event.

    since: when the wait began that it must be about. Nobody knows that before it has begun.
    """
    if (
        not isinstance(event, dict)
        or event.get("since") != since
        or not isinstance(event.get("approved"), bool)
    ):
        return None
    texts = [event.get("by"), event.get("at"), event.get("comment", "")]
    if not all(isinstance(text, str) and len(text) <= LONGEST_COMMENT for text in texts):
        return None
    by, at, comment = texts
    return Approval("approved" if event["approved"] else "rejected", str(by), str(at), str(comment))


def compensate(run: RunContext) -> Workflow[None]:
    """Undo what an ended run began: its pipeline run, its scoring job, its deployment.

    A registered model version stays: it is immutable, serves nothing, and says which run it is from.
    """
    record = run.record
    reached = {stage.name for stage in record.stages}
    left = CleanUp(record.run_id, record.pipeline_run_id, record.endpoint, record.deployment)
    steps = {
        "cancel_training": "start_training" in reached and "read_training_result" not in reached,
        "cancel_scoring": "smoke_test" in reached,
        "delete_deployment": "deploy_model" in reached,
    }
    for step in (step for step, needed in steps.items() if needed):
        yield from run.attempt(step, run.poll_until_ready(step, left, ProvisioningStatus, CLEAN_UP_LIMIT))


def tell(run: RunContext, kind: str, retry: task.RetryPolicy = TRANSIENT) -> Workflow[None]:
    """Publish a lifecycle event; a topic that cannot be reached does not keep a run from its end."""
    record = run.record
    event = LifecycleEvent(
        kind,
        record.run_id,
        {
            "dataset": record.dataset,
            "etag": record.upload.etag,
            "status": record.status,
            "outcome": record.outcome,
            "model": record.model_name,
            "version": record.model_version,
            "endpoint": record.endpoint,
            "deployment": record.deployment,
            "verdict": record.verdict,
            "metrics": record.metrics,
            "error": to_json(record.error) if record.error else None,
        },
    )
    yield from run.attempt("publish_event", run.call("publish_event", event, Done, retry))
