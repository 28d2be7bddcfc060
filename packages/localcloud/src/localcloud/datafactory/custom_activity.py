"""The Custom activity: runs a command on a Batch node, with its files and parameters, and returns its output.

As in Azure, files travel through storage: the files of `folderPath` and three JSON files become the task's
resource files, and stdout, stderr and `outputs.json` are uploaded as blobs. All blobs of a task are below
`adfjobs/<task id>/`.
Source: "Use custom activities in an Azure Data Factory pipeline"; "Troubleshoot Azure Data Factory".
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from azure.core.exceptions import AzureError as StorageError
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from localcloud import json_texts
from localcloud.batch.pool import Pool
from localcloud.batch.tasks import ResourceFile, Task, TaskSpec
from localcloud.datafactory.connections import NO_STORAGE, Connections, StorageConnection
from localcloud.datafactory.definitions import Activity, Json
from localcloud.datafactory.errors import ActivityFailedError
from localcloud.datafactory.files import JOBS, check_keyless, output_file, resource_file
from localcloud.datafactory.resources import LINKED_SERVICE, Resources
from localcloud.home import REGION
from localcloud.service import Cloud
from localcloud.storage.words import said

RESOURCE_FILES_LIMIT = 32_768
"""Most characters of the list of a task's resource files."""

CUSTOM_OUTPUT_LIMIT = 2 * 1024 * 1024
"""Most bytes of outputs.json that become the activity's customOutput."""

RUNTIME_FILES = ("activity.json", "linkedServices.json", "datasets.json")
RETENTION_DAYS = 30.0
UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


def flattened(blobs: Iterable[str]) -> dict[str, str]:
    """Return the blob of each file on the node, by file name; Data Factory flattens sub-folders.

    A blob's name becomes a plain file name that any node accepts. Raises ActivityFailedError 2508 if two
    blobs would get the same file name.
    """
    files = dict.fromkeys(RUNTIME_FILES, "")
    for blob in blobs:
        name = UNSAFE.sub("_", re.split(r"[/\\]", blob)[-1])
        name = "_" * len(name) if name in (".", "..") else name
        if not name:
            continue
        if name in files:
            message = f"There are duplicate files in the resource folder. Two of them are named '{name}'."
            raise ActivityFailedError("2508", message)
        files[name] = blob
    return {name: blob for name, blob in files.items() if name not in RUNTIME_FILES}


class CustomActivities:
    """Runs Custom activities on a pool."""

    def __init__(self, cloud: Cloud, resources: Resources, pool: Pool) -> None:
        self._cloud = cloud
        self._resources = resources
        self._pool = pool
        self._connections = Connections(cloud, resources)

    async def run(self, factory: str, activity: Activity, definition: Json) -> Json:
        """Run one attempt to its end and return the activity's output.

        definition: the activity with its expressions evaluated. Raises ActivityFailedError. If the caller is
        cancelled, the task is ended, with all its processes, before the cancellation continues.
        """
        task_id = str(uuid4())
        try:
            staging = await asyncio.to_thread(self._open, factory, activity, definition["typeProperties"])
            spec = await asyncio.to_thread(self._stage, factory, staging, task_id, definition)
        except StorageError as error:
            raise ActivityFailedError("2502", f"{NO_STORAGE} {said(error)}") from error
        task = self._pool.submit(task_id, spec)
        try:
            await task.completed.wait()
        finally:
            if not task.completed.is_set():
                await self._pool.terminate(task)
        return await self._output(task, staging)

    def _open(self, factory: str, activity: Activity, properties: Json) -> "Staging":
        """Connect to the pool and to storage, as whom the linked services say."""
        batch = self._connections.batch(factory, activity.linked_service)
        jobs = self._connections.storage(factory, batch.storage)
        named = properties.get("resourceLinkedService")
        code = self._connections.storage(factory, named["referenceName"]) if named else jobs
        document = self._resources.factory(factory)
        for storage in (jobs, code):
            if not storage.key:
                check_keyless(self._cloud.inventory, document, batch.identity, storage)
        return Staging(jobs, code)

    def _stage(self, factory: str, staging: "Staging", task_id: str, definition: Json) -> TaskSpec:
        """Upload the three JSON files and return the specification of the task."""
        properties = definition["typeProperties"]
        command = properties["command"]
        if not isinstance(command, str) or command != command.strip() or not command:
            message = f"The command is {command!r}: a text is expected that begins and ends with no space."
            raise ActivityFailedError("2500", f"Hit unexpected exception and execution failed. {message}")
        files = self._code_files(staging.code, properties.get("folderPath"))
        runtime: dict[str, Any] = dict(
            zip(RUNTIME_FILES, (definition, self._referenced(factory, properties), []), strict=True)
        )
        with contextlib.suppress(ResourceExistsError):
            staging.jobs.client.create_container(JOBS)
        for name, content in runtime.items():
            blob = f"{task_id}/runtime/{name}"
            staging.jobs.client.get_blob_client(JOBS, blob).upload_blob(
                json.dumps(content, indent=2).encode()
            )
            files.append(resource_file(staging.jobs, name, JOBS, blob))
        outputs = (("../stdout.txt", "stdout.txt"), ("../stderr.txt", "stderr.txt"), ("outputs.json",) * 2)
        days = properties.get("retentionTimeInDays")
        return TaskSpec(
            command,
            tuple(files),
            tuple(output_file(staging.jobs, path, f"{task_id}/output/{name}") for path, name in outputs),
            timedelta(days=RETENTION_DAYS if days is None else days),
        )

    def _code_files(self, storage: StorageConnection, folder_path: Any) -> list[ResourceFile]:
        if folder_path is None:
            return []
        container, _, folder = str(folder_path).strip("/").partition("/")
        prefix = f"{folder}/" if folder else ""
        client = storage.client.get_container_client(container)
        try:
            names = [blob.name for blob in client.list_blobs(name_starts_with=prefix)] if container else []
        except (ResourceNotFoundError, ValueError):
            names = []
        files = [resource_file(storage, name, container, blob) for name, blob in flattened(names).items()]
        if not files:
            raise ActivityFailedError("2507", f"The folder path does not exist or is empty: {folder_path}")
        urls = [{"httpUrl": f"{client.url}/{file.blob.blob}", "filePath": file.file_path} for file in files]
        if len(json.dumps(urls)) > RESOURCE_FILES_LIMIT:
            message = (
                "Operation returned an invalid status code 'BadRequest'."
                f" {folder_path} has {len(files)} files, too many for one task: pack them into one."
            )
            raise ActivityFailedError("2504", message)
        return files

    def _referenced(self, factory: str, properties: Json) -> list[Json]:
        """Return the definitions of the linked services that the activity lists in referenceObjects."""
        references = (properties.get("referenceObjects") or {}).get("linkedServices") or []
        documents = [
            self._resources.get(LINKED_SERVICE, factory, each["referenceName"]) for each in references
        ]
        return [{"name": document["name"], "properties": document["properties"]} for document in documents]

    async def _output(self, task: Task, staging: "Staging") -> Json:
        output = information(self._cloud.inventory.batch_account, task)
        if task.failure:
            message = f"Hit unexpected exception and execution failed. {task.failure.message}"
            type_ = "SystemError" if task.failure.category == "ServerError" else "UserError"
            raise ActivityFailedError("2500", message, type_, output)
        root = self._cloud.home.storage_url(staging.jobs.account)
        urls = [f"{root}/{JOBS}/{task.id}/output/{name}.txt" for name in STREAMS]
        output = {"exitcode": task.exit_code, "outputs": urls, **output}
        if task.exit_code != 0:
            message = (
                "Hit unexpected exception and execution failed."
                f" The command ended with exit code {task.exit_code}; its stderr is {urls[-1]}."
            )
            raise ActivityFailedError("2500", message, output=output)
        try:
            return output | await asyncio.to_thread(custom_output, staging.jobs, task, output)
        except StorageError as error:
            raise ActivityFailedError("2502", f"{NO_STORAGE} {said(error)}", output=output) from error


@dataclass(frozen=True)
class Staging:
    """Where an activity's files are: those of the task, and the code."""

    jobs: StorageConnection
    code: StorageConnection


def custom_output(storage: StorageConnection, task: Task, output: Json) -> Json:
    blob = storage.client.get_blob_client(JOBS, f"{task.id}/output/outputs.json")
    try:
        size = blob.get_blob_properties().size
        content = json_texts.loads(blob.download_blob().readall()) if size <= CUSTOM_OUTPUT_LIMIT else None
    except ResourceNotFoundError:
        return {}
    except ValueError as error:
        raise ActivityFailedError("2500", f"outputs.json is not JSON: {error}", output=output) from error
    if size > CUSTOM_OUTPUT_LIMIT:
        message = f"outputs.json has {size} bytes; {CUSTOM_OUTPUT_LIMIT} are allowed."
        raise ActivityFailedError("2500", message, output=output)
    return {"customOutput": content}


STREAMS = ("stdout", "stderr")


def information(account: str, task: Task) -> Json:
    """Return the part of an activity's output that says where and for how many seconds it ran."""
    seconds = int((task.ended - task.created).total_seconds()) if task.ended else 0
    return {
        "computeInformation": json.dumps(
            {"account": account, "poolName": task.job.removeprefix("adfv2-"), "vmSize": REGION},
            separators=(",", ":"),
        ),
        "effectiveIntegrationRuntime": f"AutoResolveIntegrationRuntime ({REGION})",
        "executionDuration": seconds,
        "durationInQueue": {"integrationRuntimeQueue": 0},
        "billingReference": {
            "activityType": "ExternalActivity",
            "billableDuration": [{"meterType": "AzureIR", "duration": seconds / 3600, "unit": "Hours"}],
        },
    }
