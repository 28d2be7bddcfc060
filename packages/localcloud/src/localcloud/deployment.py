"""Applies the resources of a specification to the cloud's own Resource Manager, as deploying a template does.

A template states which resource depends on which. Here the ids give the order: the resource group first,
parents before their children, and event subscriptions last, since they refer to topics and functions. The
resources of one step are sent at the same time.
"""

import asyncio
from collections.abc import Sequence

import httpx
from starlette.types import ASGIApp

from localcloud.functions.site import read, site_file
from localcloud.home import LOOPBACK, Home
from localcloud.inventory import SITE
from localcloud.service import Cloud
from localcloud.spec import Resource
from localcloud.web.names import FUNCTION

STORAGE_LIMIT = 60
"""Seconds within which storage must answer, and the timeout of each request."""
LAST = "/eventsubscriptions/"


class DeploymentError(Exception):
    """Resource Manager refused a resource, or storage does not answer. The text quotes the refusal."""


async def apply(resource_manager: ASGIApp, controls: ASGIApp, cloud: Cloud) -> None:
    """PUT every resource of the cloud's specification, and give its site the code of the specification's app.

    The code is there before event subscriptions, which refer to its functions. Applying the same list again
    changes nothing. Raises DeploymentError.
    """
    await storage_answers(cloud.home)
    token, _ = cloud.tokens.issue(cloud.principals.person("person"), cloud.home.resource_manager)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(resource_manager),
        base_url=cloud.home.resource_manager,
        headers={"Authorization": f"Bearer {token}"},
        timeout=STORAGE_LIMIT,
    ) as client:
        published = False
        for step in steps(cloud.spec.resources):
            if LAST in step[0].id.lower() and not published:
                await publish(controls, cloud)
                published = True
            await apply_step(client, step)
    if not published:
        await publish(controls, cloud)


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


async def apply_step(client: httpx.AsyncClient, step: list[Resource]) -> None:
    """PUT the resources of one step at the same time.

    Refused resources are sent again as long as others succeed, because they may refer to those. Raises
    DeploymentError when every resource that is left is refused.
    """
    while step:
        errors = await asyncio.gather(*(put(client, resource) for resource in step))
        refused = [resource for resource, error in zip(step, errors, strict=True) if error]
        if len(refused) == len(step):
            raise DeploymentError(next(error for error in errors if error))
        step = refused


async def put(client: httpx.AsyncClient, resource: Resource) -> str:
    """PUT a resource. Return the reason if it is refused, else ""."""
    answer = await client.put(resource.id, params={"api-version": resource.api_version}, json=resource.body)
    if answer.is_success:
        return ""
    error = answer.json().get("error", {})
    return f"{resource.id} was refused: {error.get('code')}: {error.get('message')}"


def steps(resources: Sequence[Resource]) -> list[list[Resource]]:
    """Group resources into steps, in the order in which they can be applied."""
    found: dict[tuple[bool, int], list[Resource]] = {}
    for resource in resources:
        key = (LAST in resource.id.lower(), resource.id.strip("/").count("/"))
        found.setdefault(key, []).append(resource)
    return [found[key] for key in sorted(found)]


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
