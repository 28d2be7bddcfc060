"""A client of one localcloud and of the Function App that it serves: for people, tests and benchmarks.

    client = Client(Home.open(Path(".localcloud")))
    upload = client.upload("iris_csv.csv", metadata={"epochs": "20"})
    run = client.wait(upload.run_id, limit=120)

It is the cloud's person: it uploads and scores with that identity's tokens, calls the app's HTTP API with its
function key, and localcloud's own controls (faults, deliveries) with the control key.
"""

import csv
import io
import json
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from uuid import uuid4

import httpx

from localcloud.home import CONTAINER, DATASTORE, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, Home
from runs import naming

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.storage.blob import ContainerClient

Json = dict[str, Any]

ENDED = ("Succeeded", "Failed", "Cancelled", "Terminated")
"""What the status of a run can be when nothing more will happen to it. A lost run may yet be picked up."""
LOOK = 0.15
"""Seconds between two looks of a wait."""
WORKSPACE_PATH = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
ML_API_VERSION = "2024-04-01"


class ClientError(Exception):
    """Something that the client was asked for and could not do; the text says why."""


class StackNotRunningError(ClientError):
    """Nobody listens where this home's stack should."""


class ApiError(ClientError):
    """An answer that refuses: status, code and the answer's whole body."""

    def __init__(self, status: int, code: str, message: str, body: Json) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body = body


class NotFoundError(ClientError):
    """What was asked for does not exist, or not yet."""


class WaitTimeoutError(ClientError):
    """What was waited for did not happen in time."""


@dataclass(frozen=True)
class Upload:
    """A dataset that has been uploaded. run_id: of the run that its event starts."""

    dataset: str
    path: str
    etag: str
    run_id: str


@dataclass(frozen=True)
class Scored:
    """A finished scoring job. predictions: its rows as the deployment wrote them: row, what the model
    answered, file."""

    job: str
    endpoint: str
    deployment: str
    path: str
    predictions: list[list[str]]


class Person:
    """The person's identity, for Azure's clients; DefaultAzureCredential in the environment of
    `python -m localcloud env` is the same one, but would have to change this process's own."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def get_token(self, *scopes: str, **_: object) -> "AccessToken":
        from azure.core.credentials import AccessToken

        answer = httpx.get(
            self._home.identity_endpoint,
            params={"resource": scopes[0].removesuffix("/.default"), "api-version": "2019-08-01"},
            headers={"X-IDENTITY-HEADER": self._home.identity_headers["person"]},
            trust_env=False,
        ).raise_for_status()
        body = answer.json()
        return AccessToken(body["access_token"], int(body["expires_on"]))


class Client:
    """Talks to the running stack of a home.

    Raises StackNotRunningError when nothing listens there, ApiError when a request is refused.
    """

    def __init__(self, home: Home, timeout: float = 30.0) -> None:
        self.home = home
        self.credential = Person(home)
        self._timeout = timeout

    # Datasets and runs

    def upload(
        self,
        source: Path | str | bytes,
        name: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> Upload:
        """Upload a dataset, whose event starts a run. `name` is the file's own unless it is given.

        A file is read piece by piece, however large it is. metadata may carry settings of the run. Raises
        RefusedError (runs.errors) for a name that is no dataset's.
        """
        dataset = name or (Path(source).name if not isinstance(source, bytes) else "")
        path = naming.dataset_path(dataset)
        etag = self.put_blob(path, source if isinstance(source, bytes) else Path(source), metadata)
        return Upload(dataset, path, etag, naming.run_id(CONTAINER, path, etag))

    def put_blob(
        self, path: str, content: bytes | Path | BinaryIO, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Write a blob of the workspace's container; its ETag, without quotes.

        Of a file at most a block is in memory (azure-storage-blob's max_single_put_size, 64 MiB).
        """
        if isinstance(content, Path):
            with content.open("rb") as file:
                return self.put_blob(path, file, metadata)
        answer = self.container.get_blob_client(path).upload_blob(
            content, overwrite=True, metadata=dict(metadata or {})
        )
        return str(answer["etag"]).strip('"')

    def get_blob(self, path: str, to: Path) -> None:
        """Copy a blob of the workspace's container to a file, piece by piece.

        The file is there when all of it is. Raises azure-core's ResourceNotFoundError.
        """
        part = to.with_name(f".{to.name}.{uuid4().hex[:8]}.part")
        try:
            with part.open("wb") as out:
                self.container.download_blob(path).readinto(out)
            part.replace(to)
        finally:
            part.unlink(missing_ok=True)

    def start_run(self, dataset: str, settings: Json | None = None, *, rerun: bool = False) -> Json:
        """POST /api/runs: `{"run_id", "url", "links"}`."""
        body: Json = {"dataset": dataset}
        body |= {"settings": settings} if settings else {}
        body |= {"rerun": True} if rerun else {}
        return self.api("POST", "runs", json=body)

    def runs(self, *, status: str = "", dataset: str = "", top: int = 50) -> list[Json]:
        """GET /api/runs: the newest `top`, page after page."""
        found: list[Json] = []
        asked = {"status": status, "dataset": dataset}
        continuation = ""
        while len(found) < top:
            page = {"top": str(min(200, top - len(found))), "continuation": continuation}
            given = {name: value for name, value in (asked | page).items() if value}
            answer = self.api("GET", "runs", params=given)
            found += answer["runs"]
            continuation = answer.get("continuation", "")
            if not continuation:
                break
        return found

    def run(self, run_id: str) -> Json:
        """GET /api/runs/{id}. Raises ApiError 404 when there is no such run."""
        return self.api("GET", f"runs/{run_id}")

    def cancel(self, run_id: str) -> Json:
        """POST /api/runs/{id}/cancel."""
        return self.api("POST", f"runs/{run_id}/cancel")

    def approve(self, run_id: str, comment: str = "") -> Json:
        """POST /api/runs/{id}/approve: a run that waits for a decision goes on and promotes."""
        return self._decide(run_id, "approve", comment)

    def reject(self, run_id: str, comment: str = "") -> Json:
        """POST /api/runs/{id}/reject: it takes its deployment back, and the default stays."""
        return self._decide(run_id, "reject", comment)

    def _decide(self, run_id: str, decision: str, comment: str) -> Json:
        body = {"comment": comment} if comment else {}
        return self.api("POST", f"runs/{run_id}/{decision}", json=body)

    def save_report(self, run: Json, to: Path) -> None:
        """Save the report of a run, as `run` shows it, to a file. Raises NotFoundError when it has none."""
        from azure.core.exceptions import ResourceNotFoundError

        path = str(run.get("report") or "")
        if not path:
            raise NotFoundError(
                f"run {run['run_id']} ({run['status']}) has no report: the trainer writes it, once the model"
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
        seen: Callable[[Json], None] | None = None,
    ) -> Json:
        """The run, once `until` says yes to it or its status is one of `until`.

        A run that does not exist yet is waited for. `seen` is called with the result of each poll.
        Raises WaitTimeoutError, which quotes the last result; also when the run has ended and
        `until` can no longer become true.
        """
        statuses = () if callable(until) else tuple(until)
        done = until if callable(until) else lambda run: run["status"] in statuses
        deadline = time.monotonic() + limit
        last: Json = {}
        while time.monotonic() < deadline:
            found = self.find(run_id)
            if found is not None:
                last = found
                if seen:
                    seen(found)
                if done(found):
                    return found
                if found["status"] in ENDED:
                    raise WaitTimeoutError(f"run {run_id} ended otherwise: {json.dumps(found)}")
            time.sleep(LOOK)
        shown = json.dumps(last) if last else "it was never seen"
        raise WaitTimeoutError(f"run {run_id}: waited {limit:g} s in vain: {shown}")

    def find(self, run_id: str) -> Json | None:
        """The run, or None when there is none of that id."""
        try:
            return self.run(run_id)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    # Scoring

    def endpoint(self, name: str) -> Json:
        """A batch endpoint, as Resource Manager shows it."""
        return self.resource_manager(
            "GET", f"{WORKSPACE_PATH}/batchEndpoints/{name}", params={"api-version": ML_API_VERSION}
        )

    def score(
        self,
        endpoint: str,
        rows: bytes | Path | BinaryIO,
        deployment: str = "",
        limit: float = 600.0,
        seen: Callable[[str], None] | None = None,
    ) -> Scored:
        """Score a CSV on an endpoint's default deployment, or on another one.

        It is handed on as it is: Azure reads UTF-8, a header, commas. `seen` is given the job's status at
        every look. Raises ClientError when the job does not complete.
        """
        folder = f"scoring/{uuid4()}"
        self.put_blob(f"{folder}/input.csv", rows)
        uri = self.endpoint(endpoint)["properties"]["scoringUri"]
        body = {
            "properties": {
                "InputData": {
                    "input": {"jobInputType": "UriFile", "uri": datastore_uri(f"{folder}/input.csv")}
                },
                "OutputData": {
                    "score": {"jobOutputType": "UriFile", "uri": datastore_uri(f"{folder}/predictions.csv")}
                },
            }
        }
        headers = {"azureml-model-deployment": deployment} if deployment else {}
        job = self._scoring("POST", uri, json=body, headers=headers)
        name = str(job["name"])
        self._wait_for_job(f"{uri}/{name}", name, limit, seen)
        content = self.container.download_blob(f"{folder}/predictions.csv").readall()
        return Scored(
            name,
            endpoint,
            str(job["id"]).split("/")[-3],
            f"{folder}/predictions.csv",
            list(csv.reader(io.StringIO(content.decode()))),
        )

    def output_columns(self, endpoint: str, deployment: str) -> list[str]:
        """What the columns between row and file are called in a deployment's predictions.

        The signature of its model says so; without one, or with one that names none: "prediction" alone.
        """
        import yaml

        version = {"api-version": ML_API_VERSION}
        path = f"{WORKSPACE_PATH}/batchEndpoints/{endpoint}/deployments/{deployment}"
        model = self.resource_manager("GET", path, params=version)["properties"]["model"]["assetId"]
        uri = str(self.resource_manager("GET", model, params=version)["properties"]["modelUri"])
        folder = uri.partition("/paths/")[2].rstrip("/")
        described = yaml.safe_load(self.container.download_blob(f"{folder}/MLmodel").readall())
        outputs = json.loads((described.get("signature") or {}).get("outputs") or "[]")
        names = [str(each["name"]) for each in outputs if each.get("name")]
        return names or ["prediction"]

    def _wait_for_job(self, url: str, name: str, limit: float, seen: Callable[[str], None] | None) -> None:
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            status = self._scoring("GET", url)["properties"]["status"]
            if seen:
                seen(status)
            if status == "Completed":
                return
            if status in ("Failed", "Canceled"):
                raise ClientError(f"scoring job {name} is {status}: {self.job_error(name)}")
            time.sleep(LOOK)
        raise WaitTimeoutError(f"scoring job {name} did not end within {limit:g} s")

    def job_error(self, name: str) -> str:
        """Why a job failed: the run history says it of the run in which the scoring happened."""
        answer = self.resource_manager("GET", f"/history/v1.0{WORKSPACE_PATH}/runs/{name}/children")
        errors = [(run.get("error") or {}).get("error", {}) for run in answer["value"]]
        return " ".join(error["message"] for error in errors if error.get("message")) or "nobody says why."

    # localcloud's own controls

    def arm_fault(self, point: str, action: str, where: Mapping[str, str] | None = None, **how: Any) -> Json:
        """Arm a fault (localcloud.faults.Fault says what there is); its `id` disarms it."""
        fault = {"point": point, "action": action, "where": dict(where or {}), **how}
        return self.control("POST", "faults", json=fault)

    def faults(self) -> list[Json]:
        """The armed faults; `taken` counts how often each has been taken."""
        return list(self.control("GET", "faults")["value"])

    def disarm(self, fault_id: str = "") -> None:
        """Disarm one fault, or all of them."""
        self.control("DELETE", f"faults/{fault_id}" if fault_id else "faults")

    def deliveries(self, **fields: str) -> list[Json]:
        """Event Grid's deliveries; fields: state, subscription, eventId, subject."""
        return list(self.control("GET", "eventgrid/deliveries", params=fields)["value"])

    def redeliver(self, event_id: str) -> list[Json]:
        """Deliver an event once more."""
        return list(self.control("POST", "eventgrid/redeliver", json={"event_id": event_id})["value"])

    def pause_deliveries(self) -> None:
        self.control("POST", "eventgrid/pause")

    def resume_deliveries(self) -> None:
        self.control("POST", "eventgrid/resume")

    def published(self, topic: str) -> list[Json]:
        """The events that a custom topic was given."""
        return list(self.control("GET", f"topics/{topic}/events")["value"])

    # The wire

    def api(self, method: str, path: str, **request: Any) -> Json:
        """A call of the app's HTTP API, with its function key. `path` follows /api/."""
        headers = {"x-functions-key": self.function_key, **request.pop("headers", {})}
        return self._call(method, f"{self.home.functions_url}/api/{path}", headers=headers, **request)

    def control(self, method: str, path: str, **request: Any) -> Json:
        """A call of localcloud's controls, with the control key."""
        headers = {"X-Localcloud-Key": self.home.control_key}
        return self._call(method, f"{self.home.control_url}/{path}", headers=headers, **request)

    def resource_manager(self, method: str, path: str, **request: Any) -> Json:
        """A call of Resource Manager as the person."""
        headers = self._bearer("https://management.azure.com/.default")
        return self._call(method, f"{self.home.resource_manager}{path}", headers=headers, **request)

    @property
    def function_key(self) -> str:
        """The app's default function key. Raises StackNotRunningError until its host has written it."""
        try:
            keys = json.loads((self.home.root / "keys.json").read_text())
        except FileNotFoundError:
            raise StackNotRunningError(f"the Functions host of {self.home.root} has never run.") from None
        return str(keys["functionKeys"]["default"])

    @cached_property
    def container(self) -> "ContainerClient":
        """The workspace's container, as azure-storage-blob shows it to the person."""
        from azure.storage.blob import ContainerClient

        return ContainerClient(
            self.home.blob_url,
            CONTAINER,
            credential=self.credential,
            connection_verify=str(self.home.ca_bundle),
        )

    @cached_property
    def http(self) -> httpx.Client:
        """Trusts the cloud's certificates and goes round any proxy."""
        trust = ssl.create_default_context(cafile=self.home.ca_bundle)
        return httpx.Client(verify=trust, trust_env=False, timeout=self._timeout)

    def close(self) -> None:
        for name in ("container", "http"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _bearer(self, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credential.get_token(scope).token}"}

    def _scoring(self, method: str, url: str, **request: Any) -> Json:
        headers = self._bearer("https://ml.azure.com/.default") | request.pop("headers", {})
        return self._call(method, url, headers=headers, **request)

    def _call(self, method: str, url: str, **request: Any) -> Json:
        try:
            answer = self.http.request(method, url, **request)
        except httpx.ConnectError:
            raise StackNotRunningError(f"nobody listens at {httpx.URL(url).netloc.decode()}.") from None
        body: Json = answer.json() if is_json(answer) else {}
        if answer.is_success:
            return body
        error = body.get("error") if isinstance(body.get("error"), dict) else {}
        assert isinstance(error, dict)
        said = error.get("message") or answer.text[:500] or answer.reason_phrase
        message = f"{method} {httpx.URL(url).path}: {answer.status_code} {said}"
        raise ApiError(answer.status_code, str(error.get("code", "")), message, body)


def is_json(answer: httpx.Response) -> bool:
    return bool(answer.content) and "json" in answer.headers.get("content-type", "")


def datastore_uri(path: str) -> str:
    return f"azureml://datastores/{DATASTORE}/paths/{path}"
