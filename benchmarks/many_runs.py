"""Upload many datasets at once, and count their resources through Resource Manager."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.datasets import like_iris
from benchmarks.one_run import moment
from benchmarks.running_stack import RunningStack
from touchdown.client import ENDED, ML_API_VERSION, Client, UploadedDataset
from touchdown.local.names import FACTORY_ID

Json = dict[str, Any]

POLLING_INTERVAL = 3.0
"""Seconds between two lists of all runs. A list is not free: the app asks its engine for each run."""
LIMIT_EACH = 60.0
"""Seconds that a run may take on average; the limit for all runs is this times their number."""


@dataclass(frozen=True)
class Together:
    """Counts over the uploads; see `count`. seconds: from the first upload to the last promotion."""

    uploads: int
    promoted: int
    one_pipeline_run: int
    one_version: int
    one_deployment: int
    strays: int
    seconds: float
    problems: list[str]


def measured(stack: RunningStack, uploads: int) -> Together:
    """Upload all datasets at once and wait until every run has ended."""
    client = stack.client
    contents = {f"many_{number}.csv": like_iris(100 + number) for number in range(uploads)}
    known = len(pipeline_runs(client))
    client.container.exists()
    start = time.time()
    with ThreadPoolExecutor(uploads) as pool:
        made = list(pool.map(lambda each: client.upload(each[1], each[0]), contents.items()))
    ended = all_ended(client, made)
    return count(client, made, ended, known, start)


def all_ended(client: Client, uploads: list[UploadedDataset]) -> dict[str, Json]:
    """By id, the runs of `uploads` that ended within the limit."""
    ids = {upload.run_id for upload in uploads}
    deadline = time.monotonic() + LIMIT_EACH * len(uploads)
    ended: set[str] = set()
    while ended != ids and time.monotonic() < deadline:
        time.sleep(POLLING_INTERVAL)
        ended = {line["run_id"] for line in client.runs(top=200) if line["status"] in ENDED} & ids
    return {run_id: client.run(run_id) for run_id in ended}


def count(
    client: Client, uploads: list[UploadedDataset], ended: dict[str, Json], known: int, start: float
) -> Together:
    """Count the uploads whose resources are as expected.

    promoted: uploads whose deployment is the endpoint's default. strays: pipeline runs of no upload.
    """
    pipelines = pipeline_runs(client)
    started = Counter(str((run.get("parameters") or {}).get("runId")) for run in pipelines)
    promoted, versions, deployments, problems, moments = 0, 0, 0, [], [start]
    for upload in uploads:
        run = ended.get(upload.run_id)
        if run is None or run["status"] != "Succeeded":
            error = (run or {}).get("error") or {}
            problems.append(f"{upload.dataset}: {error.get('message') or 'its run has not ended'}")
            continue
        endpoint = client.endpoint(run["endpoint"])
        default = (endpoint["properties"].get("defaults") or {}).get("deploymentName")
        promoted += default == run["deployment"]
        moments += [moment(stage["ended"]) for stage in run["stages"] if stage["name"] == "promote"]
        versions += len(listed(client, f"models/{run['model_name']}/versions")) == 1
        deployments += len(listed(client, f"batchEndpoints/{run['endpoint']}/deployments")) == 1
    once = sum(started[upload.run_id] == 1 for upload in uploads)
    strays = len(pipelines) - known - sum(started[upload.run_id] for upload in uploads)
    return Together(
        len(uploads), promoted, once, versions, deployments, strays, max(moments) - start, problems
    )


def pipeline_runs(client: Client) -> list[Json]:
    """Every pipeline run of the factory."""
    found: list[Json] = []
    query: Json = {"lastUpdatedAfter": "2020-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
    while True:
        page = client.resource_manager(
            "POST", f"{FACTORY_ID}/queryPipelineRuns", params={"api-version": "2018-06-01"}, json=query
        )
        found += page["value"]
        if not page.get("continuationToken"):
            return found
        query |= {"continuationToken": page["continuationToken"]}


def listed(client: Client, path: str) -> list[Json]:
    return list(
        client.resource_manager(
            "GET", f"{client.target.workspace_path}/{path}", params={"api-version": ML_API_VERSION}
        )["value"]
    )
