"""A client of one Touchdown, for people, programs, tests and benchmarks.

    with Client(target) as client:
        uploaded = client.upload("iris_csv.csv", metadata={"min_accuracy": "0.9"})
        run = client.wait(uploaded.run_id, limit=120)

It calls the app's HTTP API with a function key, and storage, Resource Manager and scoring with the target's
credential. touchdown.local.target(home) is the target of a localcloud.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from runs import naming
from touchdown import scoring
from touchdown.connection import Connection, Json
from touchdown.errors import ApiError, ClientError, NotFoundError, StackNotRunningError, WaitTimedOutError
from touchdown.scoring import ML_API_VERSION, Scored
from touchdown.target import Target

__all__ = [
    "ENDED",
    "ML_API_VERSION",
    "ApiError",
    "Client",
    "ClientError",
    "Json",
    "NotFoundError",
    "Scored",
    "StackNotRunningError",
    "Target",
    "UploadedDataset",
    "WaitTimedOutError",
]

ENDED = ("Succeeded", "Failed", "Cancelled", "Terminated")
"""The statuses of a run that has ended. A lost run has not: it may be continued."""
POLLING_INTERVAL = 0.15
"""Seconds between the first two polls of a run."""
LONGEST_INTERVAL = 10.0
"""Seconds between two polls of a run that takes long, as one in Azure does."""
LARGEST_PAGE = 200
"""The most runs that one page of GET /api/runs holds."""


@dataclass(frozen=True)
class UploadedDataset:
    """An uploaded dataset. run_id is the id of the run that the upload's event starts."""

    dataset: str
    path: str
    etag: str
    run_id: str


class Client(Connection):
    """A client of one target.

    Every method raises StackNotRunningError if nothing listens at the target's address, and ApiError when
    the target answers with an error.
    """

    def upload(
        self,
        source: Path | str | bytes,
        name: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> UploadedDataset:
        """Upload a dataset, whose event starts a run.

        `name` defaults to the file's name. A file is read block by block, however large it is. metadata may
        carry settings of the run. Raises RefusedError (runs.errors) when `name` cannot name a dataset.
        """
        dataset = name or (Path(source).name if not isinstance(source, bytes) else "")
        path = naming.dataset_path(dataset)
        etag = self.put_blob(path, source if isinstance(source, bytes) else Path(source), metadata)
        return UploadedDataset(dataset, path, etag, naming.run_id(self.target.container, path, etag))

    def start_run(
        self,
        dataset: str,
        settings: Json | None = None,
        *,
        rerun: bool = False,
        take_over: bool = False,
    ) -> Json:
        """POST /api/runs; returns `{"run_id", "url"}`."""
        body: Json = {"dataset": dataset}
        body |= {"settings": settings} if settings else {}
        body |= {"rerun": True} if rerun else {}
        body |= {"take_over": True} if take_over else {}
        return self.api("POST", "runs", json=body)

    def runs(self, *, status: str = "", dataset: str = "", top: int = 50) -> list[Json]:
        """GET /api/runs: the newest `top` runs, however many pages they take."""
        found: list[Json] = []
        filters = {"status": status, "dataset": dataset}
        continuation = ""
        while len(found) < top:
            page = {"top": str(min(LARGEST_PAGE, top - len(found))), "continuation": continuation}
            parameters = {name: value for name, value in (filters | page).items() if value}
            answer = self.api("GET", "runs", params=parameters)
            found += answer["runs"]
            continuation = answer.get("continuation", "")
            if not continuation:
                break
        return found

    def run(self, run_id: str) -> Json:
        """GET /api/runs/{id}. Raises ApiError with status 404 when there is no such run."""
        return self.api("GET", f"runs/{run_id}")

    def find(self, run_id: str) -> Json | None:
        """The run, or None if there is no run with that id."""
        try:
            return self.run(run_id)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def cancel(self, run_id: str) -> Json:
        """POST /api/runs/{id}/cancel."""
        return self.api("POST", f"runs/{run_id}/cancel")

    def approve(self, run_id: str, comment: str = "") -> Json:
        """POST /api/runs/{id}/approve: the run, which waits for a decision, promotes its deployment."""
        return self._decide(run_id, "approve", comment)

    def reject(self, run_id: str, comment: str = "") -> Json:
        """POST /api/runs/{id}/reject: the run deletes its deployment, and the default stays."""
        return self._decide(run_id, "reject", comment)

    def _decide(self, run_id: str, decision: str, comment: str) -> Json:
        body = {"comment": comment} if comment else {}
        return self.api("POST", f"runs/{run_id}/{decision}", json=body)

    def save_report(self, run: Json, to: Path) -> None:
        """Save the report of a run, which is a JSON object as `run` returns it, to a file.

        Raises NotFoundError when the run has no report.
        """
        from azure.core.exceptions import ResourceNotFoundError

        path = str(run.get("report") or "")
        if not path:
            raise NotFoundError(
                f"run {run['run_id']} ({run['status']}) has no report: the trainer writes it once the model"
                " is trained."
            )
        try:
            self.get_blob(path, to)
        except ResourceNotFoundError:
            raise NotFoundError(f"run {run['run_id']}: its report is no longer at {path}.") from None

    def wait(
        self,
        run_id: str,
        until: Callable[[Json], bool] | Iterable[str] = ENDED,
        limit: float = 300.0,
        on_poll: Callable[[Json], None] | None = None,
        interval: float = POLLING_INTERVAL,
    ) -> Json:
        """Poll a run until `until` accepts it, or until its status is one of `until`; return the run.

        A run that does not exist yet is waited for. `on_poll` gets the run at every poll. limit is in
        seconds, as is interval, the shortest time between two polls. Raises WaitTimedOutError, which quotes
        the last poll, after `limit` or when the run has ended in another way.
        """
        statuses = () if callable(until) else tuple(until)
        reached = until if callable(until) else lambda run: run["status"] in statuses
        start = time.monotonic()
        last: Json = {}
        while (waited := time.monotonic() - start) < limit:
            found = self.find(run_id)
            if found is not None:
                last = found
                if on_poll:
                    on_poll(found)
                if reached(found):
                    return found
                if found["status"] in ENDED:
                    raise WaitTimedOutError(f"run {run_id} ended in another way: {json.dumps(found)}")
            time.sleep(min(LONGEST_INTERVAL, max(interval, waited / 100), max(0.0, limit - waited)))
        state = f"its last state was {json.dumps(last)}" if last else "it did not exist"
        raise WaitTimedOutError(f"run {run_id}: gave up after {limit:g} s; {state}")

    def endpoint(self, name: str) -> Json:
        """A batch endpoint, as Resource Manager returns it."""
        return scoring.get_endpoint(self, name)

    def score(
        self,
        endpoint: str,
        rows: bytes | Path | BinaryIO,
        deployment: str = "",
        limit: float = 600.0,
        on_poll: Callable[[str], None] | None = None,
    ) -> Scored:
        """Score a CSV on an endpoint: see touchdown.scoring.score."""
        return scoring.score(self, endpoint, rows, deployment, limit, on_poll)
