"""Batch scoring: rows in, predictions out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from runs import predictions, remedies
from touchdown.connection import Connection, Json
from touchdown.errors import ClientError, WaitTimedOutError

ML_API_VERSION = "2024-04-01"
POLLING_INTERVAL = 0.15
"""Seconds between two polls of a job."""
LONGEST_MLMODEL = 16 << 20
"""Bytes of an MLmodel that are read; the app registers no model whose MLmodel has more."""


@dataclass(frozen=True)
class Scored:
    """A completed scoring job.

    path: the predictions' blob in the target's container. columns: the names of what the model answers.
    predictions: its answers, one cell for each of these, for each row of the CSV in order.
    """

    job: str
    endpoint: str
    deployment: str
    path: str
    columns: list[str]
    predictions: list[list[str]]


def get_endpoint(connection: Connection, name: str) -> Json:
    """A batch endpoint, as Resource Manager returns it."""
    return _machine_learning(connection, f"batchEndpoints/{name}")


def score(
    connection: Connection,
    endpoint: str,
    rows: bytes | Path | BinaryIO,
    deployment: str = "",
    limit: float = 600.0,
    on_poll: Callable[[str], None] | None = None,
) -> Scored:
    """Score a CSV on an endpoint's default deployment, or on the one that is named.

    The CSV is sent as it is: Azure expects UTF-8, a header and commas. `on_poll` gets the job's status at
    every poll. limit is in seconds. Raises ClientError when the job fails or its predictions are not what the
    model answers, WaitTimedOutError when it does not end within `limit`.
    """
    folder = f"scoring/{uuid4()}"
    connection.put_blob(f"{folder}/input.csv", rows)
    uri = get_endpoint(connection, endpoint)["properties"]["scoringUri"]
    headers = {"azureml-model-deployment": deployment} if deployment else {}
    job = connection.call_scoring("POST", uri, json=_job(connection, folder), headers=headers)
    name = str(job["name"])
    _wait(connection, f"{uri}/{name}", name, limit, on_poll)
    path = f"{folder}/predictions.csv"
    content = connection.container.download_blob(path, decompress=False).readall().decode()
    scored_by = str(job["id"]).split("/")[-3]
    columns = output_columns(connection, endpoint, scored_by)
    try:
        found = predictions.answers(content, "input.csv", len(columns))
    except predictions.UnsoundPredictionsError as why:
        raise ClientError(f"scoring job {name}: {path} cannot be used: {why}.") from None
    return Scored(name, endpoint, scored_by, path, columns, found)


def output_columns(connection: Connection, endpoint: str, deployment: str) -> list[str]:
    """The names of the columns between row number and file name in a deployment's predictions.

    They are in the model's signature. A model without one, or whose signature names no outputs, has one
    column: "prediction".
    """
    from runs import mlmodel

    found = _machine_learning(connection, f"batchEndpoints/{endpoint}/deployments/{deployment}")
    model = connection.resource_manager(
        "GET", found["properties"]["model"]["assetId"], params={"api-version": ML_API_VERSION}
    )
    folder = str(model["properties"]["modelUri"]).partition("/paths/")[2].rstrip("/")
    path = f"{folder}/MLmodel"
    blob = connection.container.get_blob_client(path)
    # As it is stored: whoever wrote it chose its Content-Encoding, with which a KB may become a MB.
    content = blob.download_blob(offset=0, length=LONGEST_MLMODEL + 1, decompress=False).readall()
    if len(content) > LONGEST_MLMODEL:
        raise ClientError(f"{path}: it has more than {LONGEST_MLMODEL:,} bytes, so no training left it.")
    try:
        return predictions.output_names(mlmodel.parse(content)) or ["prediction"]
    except mlmodel.UnreadableModelError as why:
        raise ClientError(f"{path}: it cannot be read as YAML: {why}") from None


def job_error(connection: Connection, job: str) -> str:
    """Why a scoring job failed, as the run history records it, and what to do.

    It records it for the run that did the scoring, or for the job itself if it failed before it had one.
    """
    path = f"/history/v1.0{connection.target.workspace_path}/runs/{job}"
    own = connection.resource_manager("GET", path)
    children = connection.resource_manager("GET", f"{path}/children")["value"]
    words = remedies.failure(remedies.messages(own), [remedies.messages(each) for each in children])
    return words or "the run history gives no reason."


def _machine_learning(connection: Connection, path: str) -> Json:
    return connection.resource_manager(
        "GET", f"{connection.target.workspace_path}/{path}", params={"api-version": ML_API_VERSION}
    )


def _job(connection: Connection, folder: str) -> Json:
    files = {
        name: connection.target.datastore_uri(f"{folder}/{name}.csv") for name in ("input", "predictions")
    }
    return {
        "properties": {
            "InputData": {"input": {"jobInputType": "UriFile", "uri": files["input"]}},
            "OutputData": {"score": {"jobOutputType": "UriFile", "uri": files["predictions"]}},
        }
    }


def _wait(
    connection: Connection, url: str, name: str, limit: float, on_poll: Callable[[str], None] | None
) -> None:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        status = connection.call_scoring("GET", url)["properties"]["status"]
        if on_poll:
            on_poll(status)
        if status == "Completed":
            return
        if status in ("Failed", "Canceled"):
            raise ClientError(f"scoring job {name} is {status}: {job_error(connection, name)}")
        time.sleep(POLLING_INTERVAL)
    raise WaitTimedOutError(f"scoring job {name} did not end within {limit:g} s.")
