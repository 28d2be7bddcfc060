"""The role assignments of a running Touchdown, by their names in bicep/; and how they change."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import httpx
from localcloud import deploying
from localcloud.credentials import Principal
from localcloud.home import REGION, SUBSCRIPTION, Home

from scripts.assigned_roles import ASSIGNMENT, DEFINITION, name_of, own_name
from scripts.bicep_compiler import ROOT
from scripts.bicep_deployed import committed, of_case
from scripts.bicep_snapshots import LOCAL
from touchdown.local.names import BATCH_ID
from touchdown.local.snapshots import MAIN, read

type Json = dict[str, Any]

VERSION = "2022-04-01"


class Assignments:
    """Reads and changes them through Resource Manager, as whoever owns the subscription."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.taken: set[str] = set()
        """The names of those that `without` has taken away."""

    @cached_property
    def _client(self) -> httpx.Client:
        token = Principal(self._home).get_token(self._home.resource_manager).token
        return httpx.Client(
            base_url=self._home.resource_manager,
            headers={"Authorization": f"Bearer {token}"},
            params={"api-version": VERSION},
            verify=ssl.create_default_context(cafile=self._home.ca_bundle),
            proxy=self._home.proxy,
        )

    def close(self) -> None:
        if "_client" in vars(self):
            self._client.close()

    def all(self) -> dict[str, Json]:
        """Those that the templates have made."""
        listed = self._client.get(f"/subscriptions/{SUBSCRIPTION}/providers/{ASSIGNMENT}").raise_for_status()
        return {name_of(each): each for each in listed.json()["value"] if name_of(each)}

    def delete(self, assignment: Json) -> None:
        self._client.delete(assignment["id"]).raise_for_status()

    def put(self, assignment: Json) -> None:
        kept = (
            "roleDefinitionId",
            "principalId",
            "principalType",
            "description",
            "condition",
            "conditionVersion",
        )
        given = {name: each for name, each in assignment["properties"].items() if name in kept and each}
        self._client.put(assignment["id"], json={"properties": given}).raise_for_status()

    @contextmanager
    def without(self, name: str) -> Iterator[Json]:
        """Take an assignment away for the block."""
        assignment = self.all()[name]
        self.delete(assignment)
        self.taken.add(name)
        try:
            yield assignment
        finally:
            self.put(assignment)

    @contextmanager
    def as_in(self, case: str) -> Iterator[None]:
        """Deploy, for the block, what a case of tests/bicep has otherwise than the case "defaults".

        Assignments that the case has not are taken away.
        """
        before = self.all()
        if case == "key-vault":
            self._authenticate("KeyVault")
        deploying.deploy(self._home, difference(case), name=f"roles-{case}")
        names = {name_of(each) for each in of_kind(case_here(case))}
        lacking = [each for name, each in before.items() if name not in names]
        for each in lacking:
            self.delete(each)
        try:
            yield
        finally:
            for each in lacking:
                self.put(each)
            for name, each in self.all().items():
                if name not in before:
                    self.delete(each)
            if case == "key-vault":
                self._authenticate("ManagedIdentity")
            deploying.deploy(self._home, read(MAIN), name="roles-defaults")

    def _authenticate(self, way: str) -> None:
        """Change how the Batch account authenticates, as scripts/hooks/preprovision.sh does."""
        change = json.loads((ROOT / "scripts" / "hooks" / f"batch-{way}.json").read_text())
        self._client.patch(BATCH_ID, json=change, params={"api-version": "2024-07-01"}).raise_for_status()


def of_kind(snapshot: Json) -> list[Json]:
    return [each for each in snapshot["predictedResources"] if each["type"] == ASSIGNMENT]


def case_here(case: str) -> Json:
    """The snapshot of a case, with the subscription, the region and the names that localcloud has.

    The ids of the templates' own roles are made from these, and so are those of localcloud too.
    """
    (found,) = [each for each in committed() if each.case == case]
    here = of_case(LOCAL / f"{MAIN}.bicepparam", read(MAIN))
    (group,) = found.of("Microsoft.Resources/resourceGroups")
    text = json.dumps({**read(MAIN), "predictedResources": found.resources, "outputs": {}})
    roles = {own_name(each): each["name"] for each in here.of(DEFINITION)}
    for theirs, ours in (
        *((each["name"], roles[own_name(each)]) for each in found.of(DEFINITION)),
        (found.token, here.token),
        (group["id"].split("/")[2], SUBSCRIPTION),
        (found.given["location"], REGION),
    ):
        text = text.replace(theirs, ours)
    document: Json = json.loads(text)
    return document


def difference(case: str) -> Json:
    """The resources of a case that are not as in the case "defaults"."""
    usual = {json.dumps(each, sort_keys=True) for each in case_here("defaults")["predictedResources"]}
    wanted = case_here(case)
    resources = [
        each for each in wanted["predictedResources"] if json.dumps(each, sort_keys=True) not in usual
    ]
    return {**wanted, "predictedResources": resources}
