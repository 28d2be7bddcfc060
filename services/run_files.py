"""What the app keeps of a run in storage besides its record, in the folder that only the app may write to.

`settings.json`: the version of the dataset, and the settings, that inspect_dataset resolved. `progress.json`:
where the run stands when its orchestration continues as new. `decision-<time>.json`: what a person decided on
the run in the wait that began at this time. `cancel.json`: who cancelled it.

Whoever has the key of the durable API can start an orchestration with any input and raise any event. Neither
is believed: the orchestration of a run is told only its id, and reads the rest here. No step is told a
setting either: each reads them here, by the id of its run.
"""

import json
from dataclasses import replace

from azure.core.exceptions import ResourceExistsError

from runs import naming
from runs.contracts import Dataset, RunRequest, from_json, to_json
from runs.errors import RefusedError
from runs.record import Approval, Cancel
from runs.steps import Progress, RunStep
from runs.text import quote
from services import blobs, run_store
from services.clients import Clients

SETTINGS, PROGRESS, CANCEL = "settings.json", "progress.json", "cancel.json"


def keep_dataset(run_id: str, dataset: Dataset, clients: Clients) -> None:
    _write(run_id, SETTINGS, dataset, clients)


def dataset_of(run_id: str, clients: Clients) -> Dataset | None:
    """What inspect_dataset found for a run, or None if it has found nothing yet.

    Raises RefusedError SettingsLost if it cannot be read.
    """
    try:
        return _read(run_id, SETTINGS, Dataset, clients)
    except (ValueError, TypeError, RecursionError) as why:
        raise settings_lost(run_id, f"cannot be read: {why}") from None


def resolved(run_id: str, clients: Clients) -> Dataset:
    """What inspect_dataset found for a run that has come further. Raises RefusedError SettingsLost."""
    kept = dataset_of(run_id, clients)
    if kept is None:
        raise settings_lost(run_id, "is missing")
    return kept


def dataset_for(step: RunStep, clients: Clients) -> Dataset:
    """The dataset and the settings of a step's run, as inspect_dataset has kept them.

    The id is that of the orchestration, for which inspect_dataset or resume_run has checked the claim. The
    ETag says which inspection the orchestration goes on with: one that another attempt has kept since is not
    taken for it.

    Raises RefusedError: SettingsLost if they are gone or cannot be read; WrongRun if they are of another
    version of the dataset.
    """
    kept = resolved(step.run_id, clients)
    if kept.upload.etag != step.etag:
        why = f"its settings in storage are of version {quote(kept.upload.etag)} of its dataset"
        raise wrong_run(step.run_id, f"{why}, and the run is about version {quote(step.etag)}")
    return kept


def settings_lost(run_id: str, what: str) -> RefusedError:
    """The refusal of a step that needs settings which storage does not have. what: is wrong with the file."""
    return RefusedError(
        "SettingsLost",
        f"run {run_id}: {naming.app_file(run_id, SETTINGS)}, which has the settings of the run, {what}. Find"
        ' out who writes to app/, then start another run with POST /api/runs and "rerun": true.',
    )


def keep_progress(run_id: str, progress: Progress, clients: Clients) -> None:
    _write(run_id, PROGRESS, progress, clients)


def progress_of(run_id: str, clients: Clients) -> Progress | None:
    return _read(run_id, PROGRESS, Progress, clients)


def keep_decision(run_id: str, since: str, decision: Approval, clients: Clients) -> bool:
    """Keep a decision, and return whether it is the first one in this wait: only that counts."""
    return _write_once(run_id, decision_name(since), decision, clients)


def decision_of(run_id: str, since: str, clients: Clients) -> Approval | None:
    """The decision in the wait that began at `since`, or None if nobody has decided yet."""
    return _read(run_id, decision_name(since), Approval, clients)


def decision_name(since: str) -> str:
    return f"decision-{since.replace(':', '')}.json"


def keep_cancel(run_id: str, cancel: Cancel, clients: Clients) -> bool:
    """Keep who cancels a run, and return whether nobody has before."""
    return _write_once(run_id, CANCEL, cancel, clients)


def cancel_of(run_id: str, clients: Clients) -> Cancel | None:
    """Who has cancelled a run, or None if nobody has."""
    return _read(run_id, CANCEL, Cancel, clients)


def check_claim(request: RunRequest, clients: Clients) -> None:
    """Check that a request is one that was claimed, and that its run has not ended.

    The version may be a later one than that of the claim, if inspect_dataset has found that for the run.

    Raises RefusedError: NotClaimed, RunEnded, SettingsLost.
    """
    claim = run_store.read(request.run_id, clients)
    if claim is None:
        raise not_claimed(request.run_id, "no upload has this run")
    if claim.record.status != "Running":
        raise run_store.ended_error(claim.record)
    claimed = run_store.request_of(claim.record)
    if replace(request, upload=claimed.upload) != claimed:
        raise not_claimed(request.run_id, "it was claimed with other settings")
    if request.upload == claimed.upload:
        return
    kept = dataset_of(request.run_id, clients)
    if kept is None or request.upload != kept.upload:
        raise not_claimed(request.run_id, "it was claimed for another upload")


def not_claimed(run_id: str, why: str) -> RefusedError:
    return RefusedError("NotClaimed", f"run {run_id} was not started by this app: {why}.")


def wrong_run(run_id: str, why: str) -> RefusedError:
    """The refusal of a step of a run in progress that does not agree with what storage says of the run."""
    return RefusedError("WrongRun", f"run {run_id}: {why}; check who writes to app/ and who has which key.")


def _write(run_id: str, name: str, contract: object, clients: Clients) -> None:
    blob = clients.container.get_blob_client(naming.app_file(run_id, name))
    blob.upload_blob(json.dumps(to_json(contract), indent=2).encode(), overwrite=True)


def _write_once(run_id: str, name: str, contract: object, clients: Clients) -> bool:
    blob = clients.container.get_blob_client(naming.app_file(run_id, name))
    try:
        blob.upload_blob(json.dumps(to_json(contract), indent=2).encode())
    except ResourceExistsError:
        return False
    return True


def _read[T](run_id: str, name: str, contract: type[T], clients: Clients) -> T | None:
    found = blobs.read(naming.app_file(run_id, name), clients)
    return from_json(contract, json.loads(found.data)) if found is not None else None
