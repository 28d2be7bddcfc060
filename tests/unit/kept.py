"""The settings of a run as inspect_dataset keeps them, where the steps that come after it read them."""

from dataclasses import replace
from typing import Any

from runs.contracts import Upload
from services import run_files
from services.clients import Clients
from tests.unit.rehearsed import DATASET, RUN, SETTINGS, UPLOAD


def kept(clients: Clients, *, run_id: str = RUN, upload: Upload = UPLOAD, **settings: Any) -> Clients:
    """Keep the settings of a run, and return the clients.

    settings: other ones than rehearsed.SETTINGS. upload: the version of the dataset that was inspected.
    """
    resolved = replace(SETTINGS, **settings)
    run_files.keep_dataset(
        run_id, replace(DATASET, upload=upload, label=resolved.label, settings=resolved), clients
    )
    return clients
