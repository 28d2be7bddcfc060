"""keep_progress, resume_run: a run whose orchestration continues as new, which keeps its history short."""

from activities.registration import activity
from runs.contracts import RunRequest
from runs.steps import Done, Progress
from services import run_files
from services.clients import Clients


@activity
def keep_progress(progress: Progress, clients: Clients) -> Done:
    """Write down where a run stands, for the next generation of its orchestration."""
    run_files.keep_progress(progress.record.run_id, progress, clients)
    return Done()


@activity
def resume_run(request: RunRequest, clients: Clients) -> Progress:
    """Where a run stands, from storage: anyone who may start an orchestration could write another input.

    Raises RefusedError: NotClaimed, RunEnded, SettingsLost.
    """
    run_files.check_claim(request, clients)
    progress = run_files.progress_of(request.run_id, clients)
    if progress is None:
        raise run_files.not_claimed(request.run_id, "it has not come as far as its orchestration says")
    return progress
