"""record_run: writes down what a run did and how it ended."""

import logging
from dataclasses import replace

from activities.registration import activity
from runs.contracts import RunRequest
from runs.errors import RefusedError
from runs.record import RunRecord
from runs.steps import Done
from services import run_files, run_store
from services.clients import Clients

log = logging.getLogger("touchdown.activities")


@activity
def record_run(record: RunRecord, clients: Clients) -> Done:
    """Write app/runs/<run id>/run.json: what the run did and how it ended. It is the last write of a run.

    A run that failed, or was cancelled, is recorded without its settings if they are not those that storage
    has for it: that may be why it failed.

    Raises RefusedError: RunEnded if the record already holds another end, since an engine may execute a
    finished run id again, and the outcome of that execution (in an outage, say) is not the outcome of the
    run; WrongRun if it is not the record of the run that was claimed under its id; SettingsLost if the run
    succeeded, and storage has no settings for it any more.
    """
    claim = run_store.read(record.run_id, clients)
    if claim is None:
        raise run_files.wrong_run(record.run_id, "no upload has this run")
    if claim.record.status != "Running" and claim.record not in (record, without_settings(record)):
        raise run_store.ended_error(claim.record)
    if claim_of(record) != claim_of(claim.record):
        raise run_files.wrong_run(record.run_id, "its record is about another upload or another request")
    run_store.write(with_kept_settings(record, clients), clients)
    return Done()


def claim_of(record: RunRecord) -> RunRequest:
    """What a record says of its claim. A run may go on with a later version of its dataset."""
    request = run_store.request_of(record)
    return replace(request, upload=replace(request.upload, etag="", uploaded_at=""))


def with_kept_settings(record: RunRecord, clients: Clients) -> RunRecord:
    """A record, if its settings are those that storage has for its run; else without_settings.

    A run that failed before it resolved its settings has none. Raises RefusedError: WrongRun, SettingsLost.
    """
    if record.settings is None:
        return record
    try:
        if record.settings != run_files.resolved(record.run_id, clients).settings:
            raise run_files.wrong_run(record.run_id, "its record has other settings than storage")
    except RefusedError as refused:
        if record.status == "Succeeded":
            raise
        log.warning("the record of a run says nothing of its settings: %s", refused)
        return without_settings(record)
    return record


def without_settings(record: RunRecord) -> RunRecord:
    """The record of a run that has not succeeded, without its settings; one that has, as it is."""
    return record if record.status == "Succeeded" else replace(record, settings=None)
