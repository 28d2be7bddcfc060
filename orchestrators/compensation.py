"""Clean-up: undo what a run has started, if it ends before its deployment is the default."""

from datetime import timedelta

from orchestrators.run_context import RunContext, Workflow
from orchestrators.stages import DELETE_DEPLOYMENT, RULES
from runs.steps import CleanUp, ProvisioningStatus

CLEAN_UP_LIMIT = timedelta(minutes=15)
"""For each activity; after that, it becomes a warning in the record."""


def compensate(run: RunContext) -> Workflow[None]:
    """Undo what the run has started: its pipeline run, its scoring job, its deployment.

    The table of the stages says what there is to undo. A registered model version stays: it is immutable,
    serves nothing, and its tags say which run it is from.
    """
    if run.stage is not None:
        for step in RULES[run.stage].clean_up:
            yield from clean_up(run, step)


def delete_deployment(run: RunContext) -> Workflow[None]:
    """Delete the run's deployment, which nobody has approved."""
    yield from clean_up(run, DELETE_DEPLOYMENT)


def clean_up(run: RunContext, step: str) -> Workflow[None]:
    """Call one activity of the clean-up until it is done. Its failure is a warning."""
    left = CleanUp(*run.version, pipeline_run_id=run.record.pipeline_run_id)
    workflow = run.poll_until_ready(step, left, ProvisioningStatus, CLEAN_UP_LIMIT)
    yield from run.attempt(step, workflow)
