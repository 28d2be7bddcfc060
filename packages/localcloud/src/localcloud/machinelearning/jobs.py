"""Scoring jobs: their records, and the three forms in which Azure shows one.

An invocation creates a pipeline job. Once the image of its model's environment is built, the job has one
child, the run `batchscoring`, which does the scoring. The endpoint shows it as a batch job, Resource Manager
as a pipeline job (azure-ai-ml's `PipelineJob`), and the run history as both runs. Only the run history says
why a job failed: at the child, or at the job itself if it failed before it had a child. Sources:
azure-ai-ml 1.35 `entities/_job/`, `_job_operations.py`, `_restclient/runhistory`; "Troubleshoot batch
endpoints"; messages of failures as quoted in Azure/azureml-examples#2614.
"""

import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from localcloud.machinelearning.errors import invalid, not_found, refused
from localcloud.machinelearning.uris import ARTIFACT_DATASTORE, PROVIDER, BlobPath, Workspace
from localcloud.store import Document, Store
from localcloud.tokens import Caller
from localcloud.wire import not_imitated, timestamp

KIND = "machinelearning.job"
INVOCATIONS = "machinelearning.invocation"
"""Jobs by endpoint and request id, so that an invocation sent twice finds the job of the first attempt."""
RUNS = "machinelearning.run"
"""Jobs by the id of their child run."""
TERMINAL = ("Completed", "Failed", "Canceled")
JOB_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")
INPUT_TYPES = {"urifile": "uri_file", "urifolder": "uri_folder"}
CHILD_FAILED = (
    "Pipeline has failed child jobs. Failed nodes: /batchscoring. For more details and logs, please go to the"
    " job detail page and check the child jobs."
)


@dataclass(frozen=True)
class Request:
    """A checked invocation. output: None means the job's own folder."""

    input_type: str
    input: BlobPath
    output: BlobPath | None
    name: str | None
    experiment: str | None

    @classmethod
    def parse(cls, body: Document, workspace: Workspace) -> "Request":
        """Read the body of an invocation, whose keys are in camel or Pascal case.

        Raises AzureError 400 unless it has exactly one input and at most one output, named score; 501 for
        overrides of the deployment's settings and for data that is not a path on a datastore.
        """
        properties = _object(_key(body, "properties"), "properties")
        for key in (
            "compute",
            "dataset",
            "outputDataset",
            "retrySettings",
            "errorThreshold",
            "miniBatchSize",
        ):
            if _key(properties, key) is not None:
                raise not_imitated(f"invocations with {key}")
        inputs = _object(_key(properties, "inputData"), "inputData")
        if len(inputs) != 1:
            raise invalid(f"A model deployment takes exactly one input, not {len(inputs)}.", "inputData")
        [given] = inputs.values()
        kind = INPUT_TYPES.get(str(_key(given, "jobInputType")).lower().replace("_", ""))
        if kind is None:
            raise invalid(
                f"A model deployment takes an input of type UriFile or UriFolder, not"
                f" '{_key(given, 'jobInputType')}'.",
                "inputData",
            )
        own = _key(properties, "properties") or {}
        name = _key(properties, "name")
        if name is not None and not JOB_NAME.fullmatch(str(name)):
            raise invalid(f"The job name '{name}' is invalid: letters, digits, '-' and '_'.", "name")
        return cls(
            input_type=kind,
            input=_place(workspace, given, "inputData"),
            output=_output(workspace, _key(properties, "outputData")),
            name=name,
            experiment=_key(own, "experimentName"),
        )


class Jobs:
    """The scoring jobs of the workspace."""

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store = store
        self._workspace = workspace

    def create(self, deployment: Document, request: Request, repeatability: str, caller: Caller) -> Document:
        """Create a job of `deployment`, NotStarted. Raises AzureError 409 if the name is in use."""
        name = request.name or f"batchjob-{uuid4()}"
        endpoint = deployment["id"].split("/")[-3]
        child = str(uuid4())
        settings = deployment["properties"]
        default = BlobPath(
            self._workspace.default_container, f"azureml/{child}/score/{settings['outputFileName']}"
        )
        output = request.output or default
        job: Document = {
            "name": name,
            "child": child,
            "hasChild": False,
            "endpoint": endpoint,
            "deployment": deployment["name"],
            "experiment": request.experiment or endpoint,
            "compute": settings["compute"].split("/")[-1],
            "model": settings["model"]["assetId"],
            "settings": settings,
            "inputType": request.input_type,
            "input": {"container": request.input.container, "path": request.input.path},
            "output": {"container": output.container, "path": output.path},
            "status": "NotStarted",
            "error": None,
            "createdBy": caller.name,
            "caller": caller_of(caller),
            "createdAt": timestamp(),
            "startedAt": None,
            "endedAt": None,
        }
        if not self._store.add(KIND, name, job):
            raise refused("JobNameTaken", f"A job named '{name}' already exists.", status=409, target=name)
        if repeatability:
            self._store.put(INVOCATIONS, f"{endpoint}/{repeatability}", {"job": name})
        return job

    def repeated(self, endpoint: str, repeatability: str) -> Document | None:
        """Return the job that an earlier attempt at the same invocation created."""
        made = self._store.get(INVOCATIONS, f"{endpoint}/{repeatability}")
        return self.get(made["job"]) if made else None

    def get(self, name: str) -> Document:
        job = self._store.get(KIND, name)
        if job is None:
            raise not_found("The job", name)
        return job

    def by_run(self, run: str) -> Document:
        """Return the job with this run id, which is the job's name or its child's."""
        child = self._store.get(RUNS, run)
        job = self._store.get(KIND, child["job"] if child else run)
        if job is None:
            raise not_found("The run", run)
        return job

    def add_child(self, name: str) -> None:
        """Give a job its child run, which does the scoring."""
        job = self.get(name) | {"hasChild": True}
        self._store.put(KIND, name, job)
        self._store.put(RUNS, job["child"], {"job": name})

    def all(self) -> list[Document]:
        """Return all jobs, newest first."""
        return [job for _, job in reversed(self._store.list(KIND))]

    def move(self, name: str, status: str, **more: Any) -> Document:
        """Change a job's status; a job that has ended stays as it is."""
        job = self.get(name)
        if job["status"] in TERMINAL:
            return job
        if job["status"] == "CancelRequested" and status not in TERMINAL:
            return job
        ended = {"endedAt": timestamp()} if status in TERMINAL else {}
        started = {"startedAt": timestamp()} if status == "Running" else {}
        job |= {"status": status} | started | ended | more
        self._store.put(KIND, name, job)
        return job

    def end_interrupted(self) -> None:
        """Fail the jobs that a restart has interrupted."""
        for job in self.all():
            if job["status"] == "CancelRequested":
                self.move(job["name"], "Canceled")
            elif job["status"] not in TERMINAL:
                self.move(job["name"], "Failed", error="The node of this job was stopped while it ran.")


def log_folder(workspace: Workspace, job: Document) -> BlobPath:
    """Return the folder of the scoring run's logs, in the workspace's artifact store."""
    return BlobPath(workspace.datastores[ARTIFACT_DATASTORE], f"ExperimentRun/dcid.{job['child']}")


def as_batch_job(workspace: Workspace, job: Document) -> Document:
    """Return a job in the endpoint's form."""
    deployment = f"{workspace.endpoint_id(job['endpoint'])}/deployments/{job['deployment']}"
    return {
        "id": f"{deployment}/jobs/{job['name']}",
        "name": job["name"],
        "type": f"{PROVIDER}/workspaces/batchEndpoints/deployments/jobs",
        "properties": {
            "status": job["status"],
            "provisioningState": "Succeeded",
            "inputData": {
                "data": {
                    "jobInputType": _pascal(job["inputType"]),
                    "uri": workspace.datastore_uri(_blob(job["input"])),
                }
            },
            "outputData": {
                "score": {"jobOutputType": "UriFile", "uri": workspace.datastore_uri(_blob(job["output"]))}
            },
            "interactionEndpoints": {},
        },
        "systemData": _system_data(job),
    }


def as_pipeline_job(workspace: Workspace, job: Document) -> Document:
    """Return a job in Resource Manager's form, from which azure-ai-ml makes a PipelineJob."""
    return {
        "id": f"{workspace.path}/jobs/{job['name']}",
        "name": job["name"],
        "type": f"{PROVIDER}/workspaces/jobs",
        "properties": {
            "jobType": "Pipeline",
            "status": job["status"],
            "displayName": job["name"],
            "experimentName": job["experiment"],
            "computeId": f"{workspace.path}/computes/{job['compute']}",
            "isArchived": False,
            "tags": _tags(workspace, job),
            "properties": {"azureml.pipelineComponent": "pipelinerun"},
            "settings": {},
            "services": {},
            "jobs": {},
            "inputs": {
                "data": {
                    "jobInputType": job["inputType"],
                    "uri": workspace.datastore_uri(_blob(job["input"])),
                    "mode": "ReadOnlyMount",
                }
            },
            "outputs": {
                "score": {
                    "jobOutputType": "uri_file",
                    "uri": workspace.datastore_uri(_blob(job["output"])),
                    "mode": "ReadWriteMount",
                }
            },
        },
        "systemData": _system_data(job),
    }


def as_child_job(workspace: Workspace, job: Document) -> Document:
    """Return the scoring run in Resource Manager's form; clients read its properties from the run history."""
    return {
        "id": f"{workspace.path}/jobs/{job['child']}",
        "name": job["child"],
        "type": f"{PROVIDER}/workspaces/jobs",
        "properties": None,
    }


def as_run(workspace: Workspace, job: Document, *, child: bool) -> Document:
    """Return one of a job's two runs in the run history's form."""
    own = (
        {
            "runId": job["child"],
            "parentRunId": job["name"],
            "displayName": "batchscoring",
            "target": job["compute"],
        }
        if child
        else {"runId": job["name"], "displayName": job["name"]}
    )
    return own | {
        "rootRunId": job["name"],
        "experimentId": job["experiment"],
        "status": job["status"],
        "createdUtc": job["createdAt"],
        "startTimeUtc": job["startedAt"],
        "endTimeUtc": job["endedAt"],
        "createdFrom": "Service",
        "runType": "azureml.StepRun" if child else "azureml.PipelineRun",
        "dataContainerId": f"dcid.{own['runId']}",
        "tags": _tags(workspace, job),
        "properties": {},
        "error": _error(job, child=child),
    }


def as_run_details(workspace: Workspace, job: Document, *, child: bool) -> Document:
    """Return a run's outcome, with the error of a failed one."""
    run = as_run(workspace, job, child=child)
    kept = (
        "runId",
        "parentRunId",
        "target",
        "status",
        "startTimeUtc",
        "endTimeUtc",
        "tags",
        "properties",
        "error",
    )
    return {key: run[key] for key in kept if key in run} | {
        "createdTimeUtc": run["createdUtc"],
        "warnings": [],
        "logFiles": {},
    }


def _error(job: Document, *, child: bool) -> Document | None:
    if job["status"] != "Failed":
        return None
    message = CHILD_FAILED if job["hasChild"] and not child else job["error"]
    return {"error": {"code": "UserError", "message": message, "details": []}, "time": job["endedAt"]}


def _tags(workspace: Workspace, job: Document) -> dict[str, str]:
    return {
        "azureml.batchrun": "true",
        "azureml.deploymentname": job["deployment"],
        "azureml.endpointname": job["endpoint"],
        "azureml.jobtype": "azureml.StepRun",
        "workspace": workspace.name,
    }


def _system_data(job: Document) -> Document:
    return {"createdAt": job["createdAt"], "createdBy": job["createdBy"], "createdByType": "Application"}


def _blob(place: dict[str, str]) -> BlobPath:
    return BlobPath(place["container"], place["path"])


def _pascal(input_type: str) -> str:
    return "".join(part.capitalize() for part in input_type.split("_"))


def _key(mapping: Any, name: str) -> Any:
    """Return the value of a key that is in camel or Pascal case."""
    if not isinstance(mapping, dict):
        return None
    return mapping.get(name, mapping.get(name[0].upper() + name[1:]))


def _object(value: Any, name: str) -> Document:
    if not isinstance(value, dict):
        raise invalid(f"{name} is missing or no object.", name)
    return value


def _place(workspace: Workspace, given: Any, target: str) -> BlobPath:
    uri = _key(given, "uri")
    if not isinstance(uri, str):
        raise invalid(f"The uri of {target} is missing.", target)
    return workspace.blob_path(uri)


def _output(workspace: Workspace, sent: Any) -> BlobPath | None:
    if not sent:
        return None
    outputs = _object(sent, "outputData")
    if [name.lower() for name in outputs] != ["score"]:
        raise invalid(
            f"A model deployment takes exactly one output, named score, not {', '.join(outputs)}.",
            "outputData",
        )
    [given] = outputs.values()
    if str(_key(given, "jobOutputType")).lower().replace("_", "") != "urifile":
        raise invalid("The output of a model deployment is of type UriFile.", "outputData")
    return _place(workspace, given, "outputData")


def caller_of(caller: Caller) -> dict[str, str]:
    """What a job keeps of its caller: the fields of a Principal."""
    return {
        "object_id": caller.object_id,
        "client_id": caller.client_id,
        "name": caller.name.partition("@")[0],
        "type": "User" if caller.is_user else "ServicePrincipal",
    }
