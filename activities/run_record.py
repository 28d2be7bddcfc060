"""record_run: writes down what a run did and how it ended."""

from dataclasses import replace

from activities.registration import activity
from runs.contracts import Dataset, Done, RunRecord, RunRequest
from services import run_files, run_store
from services.clients import Clients


@activity
def record_run(record: RunRecord, clients: Clients) -> Done:
    """Write app/runs/<run id>/run.json: what the run did and how it ended. It is the last write of a run.

    Raises RefusedError: RunEnded if the record already holds another end, since an engine may execute a
    finished run id again, and the outcome of that execution (in an outage, say) is not the outcome of the
    run; WrongRun if it is not the record of the run that was claimed under its id.
    """
    claim = run_store.read(record.run_id, clients)
    if claim is None:
        raise run_files.wrong_run(record.run_id, "no upload has this run")
    if claim.record.status != "Running" and claim.record != record:
        raise run_store.ended_error(claim.record)
    kept = run_files.dataset_of(record.run_id, clients)
    if claim_of(record) != claim_of(claim.record) or not agrees(record, kept):
        raise run_files.wrong_run(record.run_id, "its record is about another upload or other settings")
    run_store.write(record, clients)
    return Done()


def claim_of(record: RunRecord) -> RunRequest:
    """What a record says of its claim. A run may go on with a later version of its dataset."""
    request = run_store.request_of(record)
    return replace(request, upload=replace(request.upload, etag="", uploaded_at=""))


def agrees(record: RunRecord, kept: Dataset | None) -> bool:
    """Whether a record has the settings that inspect_dataset kept for its run.

    A run that failed before it resolved its settings has none.
    """
    return record.settings is None or (kept is not None and record.settings == kept.settings)
