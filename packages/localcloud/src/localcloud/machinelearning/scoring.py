"""Runs scoring jobs: a node of a cluster is a folder and one process of the nodes' environment.

What a job's wall time consists of: waiting for a node, copying model and inputs from storage, starting Python
and importing mlflow (most of it), loading the model, predicting, and storing predictions and logs. Nothing
is kept warm between jobs: every job is scored by a fresh process.

A process never outlives the service: it ends when its standard input does, and its group is killed when its
job ends for any reason.
"""

import asyncio
import logging
import os
import shutil
import threading
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError as StorageError

from localcloud.batch.node import NodeFolders
from localcloud.home import Home
from localcloud.machinelearning import coordination, driving, images
from localcloud.machinelearning.acting import Acting
from localcloud.machinelearning.coordination import Coordination, CoordinationError, DeniedError
from localcloud.machinelearning.endpoints import seconds
from localcloud.machinelearning.folders import DataNotFoundError, UnsafePathError
from localcloud.machinelearning.jobs import Jobs, log_folder
from localcloud.machinelearning.models import Models
from localcloud.machinelearning.nodes import ComputeGoneError, Nodes
from localcloud.machinelearning.uris import BlobPath, Workspace
from localcloud.service import Cloud
from localcloud.spec import CloudSpec
from localcloud.storage.words import said
from localcloud.store import Document
from localcloud.wire import AzureError

log = logging.getLogger("localcloud.machinelearning")

ENVIRONMENT_LIMIT = 600
"""Seconds that a job waits for the Batch pool to prepare the environment of the nodes."""
POLL_SECONDS = 0.2


class JobFailedError(Exception):
    """A job has failed; the text says why."""


def node_python(home: Home, spec: CloudSpec) -> Path:
    """The Python in which models score: that of the nodes' environment, which the Batch pool prepares.

    It is there when the environment is complete: the pool sets the link that leads to it last.
    """
    ready = spec.node_environment
    return (ready or NodeFolders(home.root / "batch").environment) / "bin" / "python"


class Scoring:
    """The scoring jobs that are running."""

    def __init__(
        self,
        cloud: Cloud,
        workspace: Workspace,
        jobs: Jobs,
        models: Models,
        nodes: Nodes,
        acting: Acting,
    ) -> None:
        self._home = cloud.home
        self._spec = cloud.spec
        self._faults = cloud.faults
        self._workspace = workspace
        self._jobs = jobs
        self._models = models
        self._nodes = nodes
        self._acting = acting
        self._coordination = Coordination(cloud.home, cloud.tokens)
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, job: Document) -> None:
        """Start a job as a background task."""
        name = job["name"]
        task = asyncio.create_task(self._run(job))
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))

    async def cancel(self, name: str) -> None:
        """Stop a job and wait until its process is gone. A job that has ended stays as it is."""
        self._jobs.move(name, "CancelRequested")
        task = self._running.get(name)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def start(self) -> None:
        """End the jobs that an earlier process left unfinished, and delete their folders."""
        self._jobs.end_interrupted()
        await asyncio.to_thread(shutil.rmtree, self._home.root / "jobs", ignore_errors=True)

    async def stop(self) -> None:
        """End all processes. The next start fails their jobs."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._coordination.close()

    async def _run(self, job: Document) -> None:
        name = job["name"]
        folder = self._home.root / "jobs" / name
        cancelled = threading.Event()
        try:
            await self._stages(job, folder, cancelled)
        except asyncio.CancelledError:
            if self._jobs.get(name)["status"] != "CancelRequested":
                raise
            self._jobs.move(name, "Canceled")
        except (images.ImageBuildError, JobFailedError, ComputeGoneError, AzureError) as error:
            self._jobs.move(name, "Failed", error=str(error))
        except (DataNotFoundError, UnsafePathError) as error:
            message = f"StreamAccessException: the data of the job cannot be read: {error}."
            self._jobs.move(name, "Failed", error=message)
        except (CoordinationError, StorageError) as error:
            message = (
                f"StreamAccessException: the identity of the compute '{job['compute']}' cannot use the"
                f" storage account '{self._workspace.account}': {said(error)}"
            )
            self._jobs.move(name, "Failed", error=message)
        except Exception:
            log.exception("job %s broke", name)
            self._jobs.move(name, "Failed", error="localcloud broke; its log has the trace.")
        finally:
            cancelled.set()
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def _stages(self, job: Document, folder: Path, cancelled: threading.Event) -> None:
        name = job["name"]
        self._jobs.move(name, "Preparing")
        fault = {"name": name, "endpoint": job["endpoint"], "deployment": job["deployment"]}
        python = await self._image(job, fault)
        self._jobs.add_child(name)
        await self._faults.at("machinelearning.job", **fault)
        self._jobs.move(name, "Queued")
        async with self._nodes.taken(job["compute"], job["settings"]["resources"]["instanceCount"]):
            self._jobs.move(name, "Running")
            request, refusal = await self._prepared(job, folder, cancelled)
            if refusal is None:
                failure = await driving.score(job, python, folder, request)
            else:
                logs = folder / "logs" / "logs"
                await asyncio.to_thread(coordination.log_refusal, logs, refusal, job["child"])
                failure = driving.exited(python, driving.FAILED, "SystemExit: 42")
            self._jobs.move(name, "Finalizing")
            await asyncio.to_thread(self._store_logs, job, folder)
            if failure:
                raise JobFailedError(failure)
            await asyncio.to_thread(self._store_predictions, job, folder)
        self._jobs.move(name, "Completed")

    async def _image(self, job: Document, fault: dict[str, str]) -> Path:
        """The Python of the nodes' environment, which stands for the image of the model's environment.

        Raises images.ImageBuildError if it cannot stand for that image, JobFailedError if there is no
        environment.
        """
        try:
            await self._faults.at("machinelearning.image", **fault)
        except AzureError as error:
            raise images.failed(str(error)) from None
        python = await self._environment()
        conda = await asyncio.to_thread(self._acting.as_workspace().read_conda, self._model_folder(job))
        await asyncio.to_thread(images.build, conda, python)
        return python

    def _model_folder(self, job: Document) -> BlobPath:
        reference = self._workspace.model_reference(job["model"])
        version = self._models.version(reference.name, str(reference.version))
        return self._workspace.blob_path(version["properties"]["modelUri"])

    async def _environment(self) -> Path:
        """The Python of the nodes, once it is prepared. Raises JobFailedError when it is not in time."""
        python = node_python(self._home, self._spec)
        if self._spec.node_environment is None and self._spec.node_requirements is None:
            raise JobFailedError(
                "This cloud has no environment in which a model could score: its specification names neither"
                " nodeEnvironment nor nodeRequirements."
            )
        for _ in range(int(ENVIRONMENT_LIMIT / POLL_SECONDS)):
            if os.access(python, os.X_OK):
                return python
            await asyncio.sleep(POLL_SECONDS)
        raise JobFailedError(
            f"The environment of the model was not prepared within {ENVIRONMENT_LIMIT} seconds: there is no"
            f" {python}. The Batch pool prepares it; see the log of its start task in batch/startup."
        )

    def _mount(self, job: Document, folder: Path, cancelled: threading.Event) -> dict[str, Any]:
        """Copy model and inputs, and return the driver's request."""
        folders = self._acting.as_cluster(job)
        folders.download_folder(self._model_folder(job), folder / "model", cancelled)
        source = BlobPath(**job["input"])
        if job["inputType"] == "uri_file":
            files = folders.download_file(source, folder / "input")
        else:
            files = folders.download_files(source, folder / "input", cancelled)
        (folder / "logs" / "user_logs").mkdir(parents=True)
        settings = job["settings"]
        return {
            "model": str(folder / "model"),
            "inputs": [str(file) for file in files],
            "predictions": str(folder / "predictions.csv"),
            "logs": str(folder / "logs"),
            "miniBatchSize": settings["miniBatchSize"],
            "errorThreshold": settings["errorThreshold"],
            "maxRetries": settings["retrySettings"]["maxRetries"],
            "timeout": seconds(settings["retrySettings"]["timeout"]),
        }

    async def _prepared(
        self, job: Document, folder: Path, cancelled: threading.Event
    ) -> tuple[dict[str, Any], DeniedError | None]:
        """Mount the data, and prepare the driver beside that: its request, and what storage refuses it."""
        principal, container = self._acting.cluster(job), self._workspace.default_container
        refusal = asyncio.create_task(
            self._coordination.refused(principal, self._workspace.account, job["child"], container)
        )
        try:
            return await asyncio.to_thread(self._mount, job, folder, cancelled), await refusal
        finally:
            refusal.cancel()

    def _store_logs(self, job: Document, folder: Path) -> None:
        root, folders = log_folder(self._workspace, job), self._acting.as_cluster(job)
        for file in sorted((folder / "logs").rglob("*.txt")):
            name = file.relative_to(folder / "logs").as_posix()
            folders.upload(file, BlobPath(root.container, f"{root.path}/{name}"), overwrite=True)

    def _store_predictions(self, job: Document, folder: Path) -> None:
        """Store the predictions. If the file already exists, nothing is written, as in Azure."""
        to = BlobPath(**job["output"])
        if not self._acting.as_cluster(job).upload(folder / "predictions.csv", to, overwrite=False):
            log.warning("job %s wrote nothing: '%s' exists already", job["name"], to.path)
