"""register_model: makes a model version of what a run has trained."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from activities.ownership import claim_model_name
from activities.registration import activity
from activities.workspace import TAG_LENGTH, datastore_uri, lineage
from runs.contracts import Dataset
from runs.errors import RefusedError, TransientError
from runs.steps import ModelInput, ModelVersion, TrainingResult
from services import run_files
from services.clients import Clients
from trainer.model_digest import MOST_FILES, Allowance, ModelTooLargeError, digest_of

if TYPE_CHECKING:
    from azure.ai.ml.entities import Model


DIGEST_TAG = "sha256"
"""The tag that holds the digest of a model's files. One of 64 characters for all of them: the value of a tag
has at most TAG_LENGTH characters."""
READS_AT_ONCE = 4


@activity
def register_model(wanted: ModelInput, clients: Clients) -> ModelVersion:
    """Register the model of a run, unless a version already carries the run's tag.

    Versions are numbered 1, 2, …. Versions are immutable, so Azure ML refuses a number that another run has
    taken in the meantime; the next attempt takes the next number.

    Raises TransientError if another run took the number, and RefusedError: ModelNameTaken if the name belongs
    to another dataset; InvalidModel if the folder holds more than a model; SettingsLost, WrongRun.
    """
    kept = run_files.dataset_for(wanted, clients)
    name = kept.settings.model_name
    versions = model_versions(name, clients)
    for each in versions:
        if (each.tags or {}).get("run") == wanted.run_id:
            return ModelVersion(name, str(each.version))
    claim_model_name(name, kept.upload, wanted.run_id, clients)
    taken = [int(each.version) for each in versions if str(each.version).isdigit()]
    version = str(max(taken, default=0) + 1)
    try:
        clients.machine_learning.models.create_or_update(_model(wanted, kept, version, clients))
    except HttpResponseError as error:
        if error.status_code in (400, 409) and version in {
            str(each.version) for each in model_versions(name, clients)
        }:
            raise TransientError(
                f"model {name}: another run registered version {version} in the meantime"
            ) from error
        raise
    return ModelVersion(name, version)


def _model(wanted: ModelInput, kept: Dataset, version: str, clients: Clients) -> "Model":
    from azure.ai.ml.constants import AssetTypes
    from azure.ai.ml.entities import Model

    return Model(
        name=kept.settings.model_name,
        version=version,
        path=datastore_uri(wanted.result.folder, clients),
        type=AssetTypes.MLFLOW_MODEL,
        description=f"Trained by Touchdown on {kept.upload.dataset[:TAG_LENGTH]}.",
        tags=quality_tags(wanted.result)
        | lineage(wanted.run_id, kept.upload)
        | {
            "mlflow_run": wanted.result.mlflow_run_id or "unknown",
            "label": wanted.result.label[:TAG_LENGTH] or "unknown",
            DIGEST_TAG: model_digest(wanted.result.folder, clients),
        },
    )


def model_digest(folder: str, clients: Clients) -> str:
    """The digest of the files that lie in a model's folder now: see trainer/model_digest.py.

    Raises RefusedError InvalidModel if they are too many, or too long.
    """
    start = f"{folder}/"
    listed = islice(clients.container.list_blob_names(name_starts_with=start), MOST_FILES + 1)
    names = [str(name) for name in listed]
    allowance = Allowance()

    def sha256(name: str) -> str:
        found = hashlib.sha256()
        # As it is stored, and as the trainer reads it: whoever wrote it chose its Content-Encoding.
        download = clients.container.download_blob(name, decompress=False)
        allowance.take(download.size)
        for chunk in download.chunks():
            found.update(chunk)
        return found.hexdigest()

    try:
        with ThreadPoolExecutor(READS_AT_ONCE) as pool:
            hashes = list(pool.map(sha256, names))
    except ModelTooLargeError as why:
        raise RefusedError(
            "InvalidModel", f"{folder}: {why}; find out who else writes below runs/."
        ) from None
    return digest_of({name.removeprefix(start): each for name, each in zip(names, hashes, strict=True)})


def quality_tags(result: TrainingResult) -> dict[str, str]:
    """The tags that say how good a model version is, and what it was compared to."""
    tags = {name: f"{value:.6g}" for name, value in result.metrics.items()}
    gate = result.gate
    tags |= {"task": result.task, "algorithm": result.algorithm[:TAG_LENGTH] or "unknown"}
    tags |= {"verdict": gate.verdict, "metric": gate.metric, "value": f"{gate.value:.6g}"}
    champion = gate.champion
    if champion is not None:
        value = "not comparable" if champion.value is None else f"{champion.value:.6g}"
        tags |= {"champion": champion.model[:TAG_LENGTH], "champion_value": value}
    return tags


def model_versions(name: str, clients: Clients) -> "list[Model]":
    """All versions of a model, archived ones too."""
    from azure.ai.ml.constants import ListViewType

    try:
        return list(clients.machine_learning.models.list(name, list_view_type=ListViewType.ALL))
    except ResourceNotFoundError:
        return []
