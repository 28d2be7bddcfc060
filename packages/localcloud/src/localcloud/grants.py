"""Who may do what in this cloud: the role assignments and role definitions of its inventory, as they are now.

The built-in roles come with localcloud; custom ones and all assignments are resources. Whoever must know that
access has changed registers with `on_change`. A change is announced before the request that made it is
answered, so that what a caller was granted holds at once.
"""

import asyncio
from collections.abc import Awaitable, Callable

from localcloud.access.assignments import Assignment
from localcloud.access.calls import Call
from localcloud.access.decisions import Access, Allowed, Refused
from localcloud.access.definitions import RoleDefinition
from localcloud.home import SUBSCRIPTION
from localcloud.identities import Principal
from localcloud.inventory import Inventory

ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
REMEMBERED = 4096
"""Decisions that are remembered until access changes."""


class Grants:
    """The roles of a cloud's principals."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._listeners: list[Callable[[], Awaitable[None]]] = []
        self._access: Access | None = None
        self._decided: dict[tuple[str, str, str, bool], Allowed | Refused] = {}
        self._changes = self._announced = 0
        self._announcing = asyncio.Lock()
        inventory.watch(self._on_resource)

    @property
    def access(self) -> Access:
        """All assignments that count now."""
        if self._access is None:
            assignments = (Assignment.from_arm(each) for each in self._inventory.all(ASSIGNMENT))
            roles = (RoleDefinition.from_arm(each) for each in self._inventory.all(DEFINITION))
            self._access = Access(assignments, roles)
        return self._access

    def decide(self, call: Call) -> Allowed | Refused:
        """Decide whether a call may be made; one without attributes only once until access changes."""
        if call.attributes or call.suboperation:
            return self.access.decide(call)
        key = (call.principal, call.operation, call.scope.lower(), call.is_data)
        found = self._decided.get(key)
        if found is None:
            if len(self._decided) >= REMEMBERED:
                self._decided.clear()
            found = self._decided[key] = self.access.decide(call)
        return found

    def on_change(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Call `listener` after each change of assignments or definitions, and wait for it."""
        self._listeners.append(listener)

    async def announce(self) -> None:
        """Tell the listeners, if access has changed since they were told. One that fails is told again."""
        async with self._announcing:
            while self._announced < self._changes:
                changes = self._changes
                for listener in self._listeners:
                    await listener()
                self._announced = changes

    def _on_resource(self, type_: str) -> None:
        if type_.lower() in (ASSIGNMENT.lower(), DEFINITION.lower()):
            self._access = None
            self._decided.clear()
            self._changes += 1


def make_owner(inventory: Inventory, principal: Principal) -> None:
    """Assign Owner of the subscription, as Azure does to whoever makes it."""
    scope = f"/subscriptions/{SUBSCRIPTION}"
    wanted = {
        "roleDefinitionId": f"{scope}/providers/{DEFINITION}/{OWNER}",
        "principalId": principal.object_id,
        "principalType": principal.type,
        "scope": scope,
    }
    inventory.put(ASSIGNMENT, f"{scope}/providers/{ASSIGNMENT}/{principal.object_id}", {}, wanted)
