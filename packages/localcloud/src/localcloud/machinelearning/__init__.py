"""Azure Machine Learning: a workspace with models, compute clusters, batch endpoints and scoring jobs.

It implements the operations that `MLClient` calls for these, with the bodies that it sends and reads. Scoring
is real (see scoring.py). All state is in the cloud's store; operations and jobs that a restart interrupts end
as Failed.

Fault points, each with the actions "delay" and "error": `machinelearning.compute`, `machinelearning.endpoint`
and `machinelearning.deployment` (where: name; a deployment's is `<endpoint>/<deployment>`) are taken within a
creation, update or deletion, which fails with the fault's error; `machinelearning.job` (where: name,
endpoint, deployment) is taken before a job waits for nodes, and the job fails with the error;
`machinelearning.image` (where: the same) is taken before that, and fails the build of the job's image.

The modules: names, errors and uris define what is accepted; models, computes, endpoints and jobs hold state
and know nothing of HTTP; provisioning moves a resource through its provisioning states; mlflow_folder,
conda, images, folders, nodes, acting, coordination, scoring, driving and driver do the work of a node;
arm_routes, scoring_routes and history_routes are the HTTP interface.
"""

import asyncio
from collections.abc import Callable

from localcloud.inventory import WORKSPACE
from localcloud.machinelearning import history_routes, scoring_routes
from localcloud.machinelearning.acting import Acting
from localcloud.machinelearning.arm_routes import Arm
from localcloud.machinelearning.computes import Computes
from localcloud.machinelearning.endpoints import Endpoints
from localcloud.machinelearning.jobs import Jobs
from localcloud.machinelearning.models import Models
from localcloud.machinelearning.nodes import Nodes
from localcloud.machinelearning.scoring import Scoring
from localcloud.machinelearning.uris import BlobPath, Workspace
from localcloud.machinelearning.workspace_routes import WorkspaceRoutes
from localcloud.service import Cloud, Service
from localcloud.store import Document


def service(cloud: Cloud) -> Service:
    workspace = Workspace(cloud.inventory)
    models = Models(cloud.store, workspace)
    computes = Computes(cloud.store, cloud.faults, workspace)
    cloud.principals.carries("cluster", computes.list)
    acting = Acting(cloud, workspace, computes)

    async def verify(folder: BlobPath) -> None:
        await asyncio.to_thread(acting.as_workspace().check_model, folder)

    endpoints = Endpoints(cloud.store, cloud.faults, workspace, models, computes, verify, cloud.home)
    jobs = Jobs(cloud.store, workspace)
    nodes = Nodes(computes.nodes)
    scoring = Scoring(cloud, workspace, jobs, models, nodes, acting)
    arm = Arm(cloud, workspace, models, computes, endpoints, jobs, scoring, nodes)

    async def forget(_: Document) -> None:
        cloud.store.forget("machinelearning.")

    cloud.on_deletion(WORKSPACE, forget)
    find(cloud, models, computes, endpoints)

    async def start() -> None:
        computes.provisioned.end_interrupted()
        if cloud.inventory.one(WORKSPACE):
            endpoints.end_interrupted()
        await scoring.start()

    return Service(
        "machinelearning",
        [
            *arm.routes(),
            *WorkspaceRoutes(cloud, workspace, acting.as_platform()).all(),
            *scoring_routes.routes(cloud, workspace, endpoints, jobs, scoring),
            *history_routes.routes(cloud, workspace, jobs),
        ],
        start=start,
        stop=scoring.stop,
    )


def find(cloud: Cloud, models: Models, computes: Computes, endpoints: Endpoints) -> None:
    """Let the cloud find what the workspace keeps beside the inventory."""
    found: dict[str, Callable[..., Document | None]] = {
        "computes": lambda _, name: computes.provisioned.find(name.lower()),
        "batchEndpoints": lambda _, name: endpoints.endpoints.find(name.lower()),
        "batchEndpoints/deployments": lambda _, *names: endpoints.deployments.find("/".join(names).lower()),
        "models": lambda _, name: models.find(name),
        "models/versions": lambda _, name, version: models.find(name, version),
    }
    for segments, each in found.items():
        cloud.finds(f"{WORKSPACE}/{segments}", each)
