"""Deploys what a specification names, through the cloud's own Resource Manager, when the cloud starts.

They are deployments like those of a client (localcloud.deployments), which find the order themselves, and
what was deployed before, and is still there, is not deployed again.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
from starlette.types import ASGIApp

from localcloud.deploying import reasons
from localcloud.deployments.ordering import SnapshotError
from localcloud.deployments.records import succeeded
from localcloud.deployments.requests import Target, Wanted
from localcloud.deployments.service import Deployments
from localcloud.deployments.snapshots import Snapshot
from localcloud.functions.site import read, site_file
from localcloud.home import LOOPBACK, REGION, SUBSCRIPTION, Home
from localcloud.inventory import SITE
from localcloud.resource_ids import type_and_name
from localcloud.service import Cloud
from localcloud.spec import CloudSpec, Resource
from localcloud.web.names import FUNCTION
from localcloud.wire import AzureError

STORAGE_LIMIT = 60
"""Seconds within which storage must answer."""
LATE = "/eventsubscriptions/"


class DeploymentError(Exception):
    """A deployment failed, or storage does not answer. The text quotes what was refused."""


async def apply(resource_manager: ASGIApp, controls: ASGIApp, cloud: Cloud) -> None:
    """Deploy the cloud's specification, and give its site the code of the specification's app.

    The code is given as soon as there is a site, since event subscriptions refer to its functions. Raises
    DeploymentError.
    """
    await storage_answers(cloud.home)
    deployments = Deployments(cloud)
    deployments.records.end_interrupted()
    for name, document in documents(cloud.spec):
        await publish(controls, cloud)
        await deploy(resource_manager, cloud, deployments, name, document)
    await publish(controls, cloud)


def documents(spec: CloudSpec) -> Iterator[tuple[str, Any]]:
    """The snapshots of a specification, by the names of their deployments, in their order.

    Those of its files, then its list of resources, of which the event subscriptions are the last.
    """
    for file in spec.snapshots:
        yield file.name.partition(".")[0], spec.snapshot(file)
    late = [each for each in spec.resources if LATE in each.id.lower()]
    early = [each for each in spec.resources if LATE not in each.id.lower()]
    for name, resources in (("resources", early), ("subscriptions", late)):
        if resources:
            yield name, snapshot_of(resources)


def snapshot_of(resources: Iterable[Resource]) -> dict[str, Any]:
    return {
        "predictedResources": [
            {
                **each.body,
                "id": each.id,
                "type": type_and_name(each.id)[0],
                "name": type_and_name(each.id)[1],
                "apiVersion": each.api_version,
            }
            for each in resources
        ]
    }


async def deploy(
    resource_manager: ASGIApp, cloud: Cloud, deployments: Deployments, name: str, document: Any
) -> None:
    """Deploy a snapshot as the person, unless it is what the cloud has. Raises DeploymentError."""
    target = Target(SUBSCRIPTION, None, name, REGION)
    try:
        wanted = Wanted(target, Snapshot.read(document), {}, {})
        if deployments.deployed(target.id) == wanted.snapshot.digest:
            return
        manager = cloud.home.resource_manager
        token, _ = cloud.tokens.issue(cloud.principals.person("person"), manager)
        caller = cloud.tokens.check(token, [manager])
        _, task = await deployments.begin(resource_manager, caller, f"Bearer {token}", wanted)
    except (AzureError, SnapshotError) as error:
        raise DeploymentError(f"the deployment '{name}' cannot begin: {error}") from None
    await task
    ended = deployments.get(target.id)
    if not succeeded(ended):
        raise DeploymentError(
            "\n".join([f"the deployment '{name}' failed.", *reasons(ended["properties"]["error"])])
        )


async def publish(controls: ASGIApp, cloud: Cloud) -> None:
    """Give the site the code of the specification's app, unless it has it. Raises DeploymentError."""
    site, known = cloud.inventory.one(SITE), read(site_file(cloud.home))
    if site is None or cloud.spec.app is None:
        return
    if known and known.folder == cloud.spec.app and cloud.inventory.all(FUNCTION, f"{site['id']}/"):
        return
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(controls),
        base_url=cloud.home.control_url,
        headers={"X-Localcloud-Key": cloud.home.control_key},
    ) as client:
        answer = await client.put(f"/sites/{site['name']}/package", json={"folder": str(cloud.spec.app)})
    if not answer.is_success:
        raise DeploymentError(f"the app of {site['name']} cannot run: {answer.json()['error']['message']}")


async def storage_answers(home: Home) -> None:
    """Wait until storage listens. Raises DeploymentError if it does not within STORAGE_LIMIT."""
    try:
        async with asyncio.timeout(STORAGE_LIMIT):
            while not await _listens(home.ports.blob):  # noqa: ASYNC110 - the other process gives no event
                await asyncio.sleep(0.1)
    except TimeoutError:
        message = f"Storage does not answer on port {home.ports.blob}: start Azurite before the cloud."
        raise DeploymentError(message) from None


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True
