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

from localcloud.inventory import WORKSPACE
from localcloud.machinelearning import history_routes, scoring_routes
from localcloud.machinelearning.arm_routes import Arm
from localcloud.machinelearning.computes import Computes
from localcloud.machinelearning.endpoints import Endpoints
from localcloud.machinelearning.folders import Folders
from localcloud.machinelearning.jobs import Jobs
from localcloud.machinelearning.models import Models
from localcloud.machinelearning.nodes import Nodes
from localcloud.machinelearning.scoring import Scoring
from localcloud.machinelearning.uris import BlobPath, Workspace
from localcloud.machinelearning.workspace_routes import WorkspaceRoutes
from localcloud.service import Cloud, Service


def service(cloud: Cloud) -> Service:
    folders = Folders(cloud.blobs)

    async def verify(folder: BlobPath) -> None:
        await asyncio.to_thread(folders.check_model, folder)

    workspace = Workspace(cloud.inventory)
    models = Models(cloud.store, workspace)
    computes = Computes(cloud.store, cloud.faults, workspace)
    endpoints = Endpoints(
        cloud.store, cloud.faults, workspace, models, computes, verify, cloud.home.resource_manager
    )
    jobs = Jobs(cloud.store, workspace)
    nodes = Nodes(computes.nodes)
    scoring = Scoring(cloud, workspace, jobs, models, nodes, folders)
    arm = Arm(cloud, workspace, models, computes, endpoints, jobs, scoring, nodes)

    async def start() -> None:
        computes.provisioned.settle()
        if cloud.inventory.one(WORKSPACE):
            endpoints.settle()
        await scoring.start()

    return Service(
        "machinelearning",
        [
            *arm.routes(),
            *WorkspaceRoutes(cloud, workspace, folders).all(),
            *scoring_routes.routes(cloud, workspace, endpoints, jobs, scoring),
            *history_routes.routes(cloud, workspace, jobs),
        ],
        start=start,
        stop=scoring.stop,
    )
