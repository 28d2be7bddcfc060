"""Azure Machine Learning: a workspace with models, compute clusters, batch endpoints and scoring jobs.

What `MLClient` calls for these, in the bodies it sends and reads; scoring is real (see scoring.py).
Everything is kept in the cloud's store, and what a restart interrupts ends Failed.

Fault points, each taking "delay" and "error": `machinelearning.compute`, `machinelearning.endpoint`,
`machinelearning.deployment` (where: name; a deployment's is `<endpoint>/<deployment>`) within the operation
of a creation, update or deletion, which then fails with the fault's error; `machinelearning.job` (where:
name, endpoint, deployment) before a job looks for its environment, which then fails with it.

The modules: names, errors and uris say what is accepted; models, computes, endpoints and jobs hold state and
know no HTTP; provisioning is how a resource gets its state; mlflow_folder, folders, nodes, scoring and driver
are what happens on a node; arm_routes, scoring_routes and history_routes are the wire.
"""

import asyncio
import logging
from functools import partial

from azure.core.exceptions import AzureError as StorageError

from localcloud.machinelearning import history_routes, scoring_routes
from localcloud.machinelearning.arm_routes import Arm, Elsewhere
from localcloud.machinelearning.computes import Computes
from localcloud.machinelearning.endpoints import Endpoints
from localcloud.machinelearning.folders import Folders
from localcloud.machinelearning.jobs import Jobs
from localcloud.machinelearning.models import Models
from localcloud.machinelearning.nodes import Nodes
from localcloud.machinelearning.scoring import Scoring
from localcloud.machinelearning.uris import DATASTORES, BlobPath
from localcloud.service import Cloud, Service

log = logging.getLogger("localcloud.machinelearning")


def service(cloud: Cloud) -> Service:
    folders = Folders(cloud.blobs)

    async def verify(folder: BlobPath) -> None:
        await asyncio.to_thread(folders.check_model, folder)

    models = Models(cloud.store)
    computes = Computes(cloud.store, cloud.faults)
    endpoints = Endpoints(cloud.store, cloud.faults, models, computes, verify, cloud.home.resource_manager)
    jobs = Jobs(cloud.store)
    nodes = Nodes(computes.nodes)
    scoring = Scoring(cloud.home, cloud.faults, jobs, models, nodes, folders)
    arm = Arm(cloud, models, computes, endpoints, jobs, scoring, nodes)

    async def start() -> None:
        computes.provisioned.settle()
        endpoints.settle()
        await scoring.start()
        for container in DATASTORES.values():
            try:
                await asyncio.to_thread(partial(folders.ensure_container, container))
            except StorageError as error:
                log.warning("the container %s could not be made now: %s", container, error)

    return Service(
        "machinelearning",
        [
            *arm.routes(),
            *scoring_routes.routes(cloud, endpoints, jobs, scoring),
            *history_routes.routes(cloud, jobs),
            Elsewhere(cloud),
        ],
        start=start,
        stop=scoring.stop,
    )
