"""A cloud in this process, and requests of whoever a test likes."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
from localcloud.access.built_in import built_in_named
from localcloud.grants import ASSIGNMENT
from localcloud.identities import USER_ASSIGNED, Principal
from localcloud.inventory import GROUP, TOPIC
from localcloud.testing import Manager, manager

ROOT = "/subscriptions/10ca1c10-0d00-4000-8000-000000000001"
LAB = f"{ROOT}/resourceGroups/lab"
TOPIC_ID = f"{LAB}/providers/{TOPIC}/news"
IDENTITY_ID = f"{LAB}/providers/{USER_ASSIGNED}/worker"
SITE_ID = f"{LAB}/providers/Microsoft.Web/sites/app"
ROBOT = Principal("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-0000000000c1", "robot")
VERSION = {"api-version": "2025-04-01"}


class World:
    """A cloud in this process, with a group, an identity and a topic."""

    def __init__(self, opened: Manager) -> None:
        self.opened = opened
        self.inventory = opened.cloud.inventory
        self.inventory.put(GROUP, LAB, {"location": "here"}, {})
        self.inventory.put(USER_ASSIGNED, IDENTITY_ID, {}, {"principalId": "p", "clientId": "c"})
        self.inventory.put(TOPIC, TOPIC_ID, {"location": "here"}, {"disableLocalAuth": True})

    def assign(self, role: str, scope: str, principal: Principal = ROBOT, condition: str = "") -> None:
        found = built_in_named(role)
        assert found is not None
        definition = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{found.id}"
        id_ = f"{scope}/providers/{ASSIGNMENT}/{role.replace(' ', '-')}"
        given = {"roleDefinitionId": definition, "principalId": principal.object_id, "scope": scope}
        if condition:
            given |= {"condition": condition, "conditionVersion": "2.0"}
        self.inventory.put(ASSIGNMENT, id_, {}, given)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        audience: str = "",
        who: Principal = ROBOT,
        version: str = VERSION["api-version"],
    ) -> httpx.Response:
        cloud = self.opened.cloud
        token, _ = cloud.tokens.issue(who, audience or cloud.home.resource_manager)
        headers = {"Authorization": f"Bearer {token}"}
        parameters = {"api-version": version}
        return await self.opened.http.request(method, path, params=parameters, json=body, headers=headers)


type Test = Callable[[World], Coroutine[Any, Any, None]]
type Use = Callable[[Test], None]


_made: list[Path] = []
"""The keys and certificates of the first cloud: making them takes longer than most tests."""


def run(folder: Path, test: Test) -> None:
    """Run a test on a new cloud, whose home is in `folder`."""
    certificates = folder / "cloud" / "certificates"
    if _made:
        shutil.copytree(_made[0], certificates)

    async def whole() -> None:
        async with manager(folder / "cloud") as opened:
            await test(World(opened))

    asyncio.run(whole())
    if not _made:
        _made.append(Path(tempfile.mkdtemp()) / "certificates")
        shutil.copytree(certificates, _made[0])
