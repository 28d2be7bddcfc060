"""Who was the default of an endpoint, and since when: a small file in `app/endpoints/` for each promotion.

An endpoint says only what it serves now, deployments are pruned, and an endpoint can be deleted. These files
stay, and only the app may write them.
"""

import json
from contextlib import suppress

from azure.core.exceptions import ResourceExistsError

from runs import naming
from runs.contracts import Dataset
from services import run_store
from services.clients import Clients

FOLDER = "app/endpoints/"


def path_of(endpoint: str, run_id: str) -> str:
    return f"{FOLDER}{endpoint}/{run_id}.json"


def note_default(run_id: str, dataset: Dataset, clients: Clients) -> None:
    """Note that the deployment of a run has become the default of its endpoint, now.

    A repeated step changes nothing: the first note says since when.
    """
    endpoint = dataset.settings.endpoint_name
    note = {
        "endpoint": endpoint,
        "deployment": naming.deployment_name(run_id),
        "since": run_store.now(),
        "run_id": run_id,
        "dataset": dataset.upload.dataset,
        "etag": dataset.upload.etag,
        "uploaded_at": dataset.upload.uploaded_at,
    }
    with suppress(ResourceExistsError):
        clients.container.upload_blob(path_of(endpoint, run_id), json.dumps(note).encode(), overwrite=False)
