"""An Azure ML workspace behind a Wire: a test describes its resources and reads the recorded requests."""

from dataclasses import dataclass, field, replace
from typing import Any

from services.clients import Clients
from tests.unit.wire import SETTINGS, Answer, Blobs, Sent, Wire

PUBLIC = replace(SETTINGS, resource_manager="https://management.azure.com")
"""Without ARM_CLOUD_METADATA_URL, azure-ai-ml knows Azure's own Resource Manager."""
WORKSPACE = f"{PUBLIC.resource_manager}{PUBLIC.workspace_id}"
OF_IRIS = {"made_by": "touchdown", "dataset": "iris"}
"""The tags of what belongs to the dataset of rehearsed.UPLOAD."""
OPERATION = f"{PUBLIC.resource_manager}/operations/1"
"""The address of every operation that is started here."""
DISCOVERY = f"{PUBLIC.resource_manager}/discovery"
HISTORY = f"{PUBLIC.resource_manager}/history/v1.0{PUBLIC.workspace_id}/runs/"
WORKSPACE_BODY = {
    "id": SETTINGS.workspace_id,
    "name": "x",
    "location": "westeurope",
    "properties": {"discoveryUrl": DISCOVERY},
}


def child_run(name: str, parent: str) -> dict[str, Any]:
    """The run below a scoring job, as the run history lists it."""
    return {
        "runId": name,
        "parentRunId": parent,
        "rootRunId": parent,
        "displayName": "batchscoring",
        "experimentId": "iris",
        "status": "Failed",
        "runType": "azureml.StepRun",
        "properties": {},
        "tags": {"azureml.jobtype": "azureml.StepRun"},
    }


@dataclass
class Workspace:
    """Resources by their path below the workspace. put, deleted, cancelled: the requested changes, in
    order.

    failure: the error of the operation, as Resource Manager words it. names_operations: whether the answer to
    a PUT holds the address of its operation.
    """

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    put: list[tuple[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    failure: dict[str, Any] = field(default_factory=dict)
    names_operations: bool = True
    refusal: Answer | None = None
    """The answer to every PUT, if they are refused."""
    blobs: Blobs = field(default_factory=Blobs)
    history: dict[str, Any] = field(default_factory=dict)
    """The errors in the run history, by the run."""
    children: dict[str, list[str]] = field(default_factory=dict)
    """The runs below a job, by the job's name."""

    @property
    def clients(self) -> Clients:
        return Wire(self).clients(PUBLIC)

    def endpoint(
        self,
        name: str,
        state: str = "Succeeded",
        default: str = "",
        tags: dict[str, str] | None = None,
    ) -> None:
        """An endpoint of the dataset of rehearsed.UPLOAD, unless its tags say otherwise."""
        self.resources[f"batchEndpoints/{name}"] = {
            "location": "westeurope",
            "tags": OF_IRIS | {"model": "iris"} if tags is None else tags,
            "properties": {
                "authMode": "AADToken",
                "provisioningState": state,
                "defaults": {"deploymentName": default} if default else None,
            },
        }

    def deployment(
        self, endpoint: str, name: str, state: str = "Succeeded", tags: dict[str, str] | None = None
    ) -> None:
        self.resources[f"batchEndpoints/{endpoint}/deployments/{name}"] = {
            "location": "westeurope",
            "tags": tags or {},
            "properties": {"provisioningState": state, "compute": "cpu-cluster"},
        }

    def compute(self, name: str, state: str = "Succeeded", error: str = "") -> None:
        """A cluster. error: the code of the error that its creation, or its last scaling, ended with."""
        self.resources[f"computes/{name}"] = {
            "location": "westeurope",
            "properties": {
                "computeType": "AmlCompute",
                "provisioningState": state,
                "provisioningErrors": [{"error": {"code": error, "message": ""}}] if error else None,
                "properties": {
                    "vmSize": "Standard_DS3_v2",
                    "scaleSettings": {"maxNodeCount": 2},
                    "errors": [{"error": {"code": error, "message": "2 of 4 cores"}}] if error else None,
                },
            },
        }

    def job(self, name: str, status: str) -> None:
        """A scoring job, which Azure ML returns as a pipeline job."""
        self.resources[f"jobs/{name}"] = {
            "properties": {
                "jobType": "Pipeline",
                "status": status,
                "displayName": name,
                "experimentName": "scoring",
                "isArchived": False,
                "tags": {},
                "properties": {},
                "settings": {},
                "services": {},
                "jobs": {},
                "inputs": {},
                "outputs": {},
            }
        }

    def __call__(self, sent: Sent) -> Answer:
        if sent.path.startswith(SETTINGS.storage_url):
            return self.blobs(sent)
        if sent.path in (OPERATION, WORKSPACE, DISCOVERY) or sent.path.startswith(HISTORY):
            return self._read(sent) if sent.method == "GET" else Answer(405)
        return self._resource(sent)

    def _read(self, sent: Sent) -> Answer:
        if sent.path == OPERATION:
            status = "Failed" if self.failure else "Succeeded"
            return Answer(200, {"status": status, "error": self.failure or None})
        if sent.path == WORKSPACE:
            return Answer(200, WORKSPACE_BODY)
        if sent.path == DISCOVERY:
            return Answer(200, dict.fromkeys(("api", "history", "experimentation"), PUBLIC.resource_manager))
        return self._history(*sent.path.removeprefix(HISTORY).split("/"))

    def _resource(self, sent: Sent) -> Answer:
        path = sent.path.removeprefix(f"{WORKSPACE}/")
        if sent.method == "PUT":
            self.put.append((path, sent.body))
            if self.refusal is not None:
                return self.refusal
            return Answer(
                201, sent.body, {"Azure-AsyncOperation": OPERATION} if self.names_operations else {}
            )
        if path.endswith("/deployments") and sent.method == "GET":
            found = [self._body(each) for each in self.resources if each.startswith(f"{path}/")]
            return Answer(200, {"value": found})
        if path.endswith("/cancel"):
            self.cancelled.append(path)
            return Answer(202, headers={"Location": OPERATION})
        if path not in self.resources:
            return Answer(404, {"error": {"code": "NotFound", "message": path}})
        if sent.method == "DELETE":
            self.deleted.append(path)
            return Answer(202, headers={"Azure-AsyncOperation": OPERATION})
        return Answer(200, self._body(path))

    def _history(self, run: str, what: str) -> Answer:
        if what == "children":
            runs = self.children.get(run, [])
            return Answer(200, {"value": [child_run(each, run) for each in runs]})
        if run not in self.history:
            return Answer(404, {"error": {"code": "UserError", "message": f"Run {run} was not found"}})
        return Answer(200, {"runId": run, "status": "Failed", "error": {"error": self.history[run]}})

    def _body(self, path: str) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        return {"id": f"{SETTINGS.workspace_id}/{path}", "name": name, **self.resources[path]}
