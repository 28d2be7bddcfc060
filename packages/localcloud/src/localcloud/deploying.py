"""Deploys a snapshot to a running cloud, and follows it to its end.

ended = deploy(home, json.loads(Path("main.snapshot.json").read_text()), name="main")
ended["outputs"]["URL"]["value"]
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.controls import Controls, ControlsError, Json, RefusedControlError
from localcloud.credentials import Principal
from localcloud.deployments.snapshots import Snapshot
from localcloud.home import REGION, Home

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two looks at a deployment that runs."""
ACTIVE = ("Accepted", "Running", "Canceling")


class DeploymentFailedError(ControlsError):
    """A deployment ended, and did not succeed. error: Azure's error; the text quotes what is in it."""

    def __init__(self, name: str, error: Json) -> None:
        super().__init__("\n".join([f"the deployment '{name}' failed.", *reasons(error)]))
        self.error = error


def deploy(
    home: Home,
    snapshot: Any,
    *,
    name: str,
    location: str = REGION,
    group: str | None = None,
    seen: Callable[[Json], None] = lambda _: None,
    principal: str = "person",
) -> Json:
    """Deploy what `bicep snapshot` wrote. Return the properties of the ended deployment.

    group: a resource group; without one, to the subscription, and location says where its record lies. seen:
    called with the operation of each resource that is made, or refused. Raises DeploymentFailedError, and as
    Controls does.
    """
    to = named(name, group)
    with Controls(home) as controls:
        token = Principal(home, principal).get_token(home.resource_manager).token
        headers = {"Authorization": f"Bearer {token}"}
        body = {"snapshot": snapshot, "location": location, **to}
        controls.call("POST", "deployments", json=body, headers=headers)
        reported: set[str] = set()
        for progress in looks(controls, to):
            for operation in progress["operations"]:
                ended = operation["properties"]["provisioningState"] != "Running"
                if ended and operation["operationId"] not in reported:
                    reported.add(operation["operationId"])
                    seen(operation)
            properties: Json = progress["deployment"]["properties"]
            if properties["provisioningState"] == "Succeeded":
                return properties
            if properties["provisioningState"] not in ACTIVE:
                raise DeploymentFailedError(name, properties["error"])
    raise AssertionError("looks() has no end")


def deployed(home: Home, snapshot: Any, *, name: str, group: str | None = None) -> Json | None:
    """The properties of the newest deployment of a name, if it deployed this very snapshot, else None.

    None also where something that it made was deleted since; what was changed since is not looked at. Raises
    SnapshotError, and as Controls does.
    """
    progress = newest(home, name=name, group=group)
    if progress is None or progress["deployed"] != Snapshot.read(snapshot).digest:
        return None
    found: Json = progress["deployment"]["properties"]
    return found


def newest(home: Home, *, name: str, group: str | None = None) -> Json | None:
    """The newest deployment of a name, or None: {"deployment", "operations", "deployed"}.

    deployed: Deployments.deployed, the digest of a snapshot or None. Raises as Controls does.
    """
    with Controls(home) as controls:
        try:
            return controls.call("GET", "deployments", params=named(name, group))
        except RefusedControlError as error:
            if error.code in ("DeploymentNotFound", "ResourceGroupNotFound"):
                return None
            raise


def named(name: str, group: str | None) -> dict[str, str]:
    return {"name": name} | ({"resourceGroup": group} if group else {})


def looks(controls: Controls, to: Mapping[str, str]) -> Iterator[Json]:
    pause = FIRST_PAUSE
    while True:
        yield controls.call("GET", "deployments", params=dict(to))
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def reasons(error: Json, resource: str = "") -> Iterator[str]:
    """What an error of Azure says: one line for each error in it that says more than what it is in.

    resource: the id of the resource that was refused, which each line names.
    """
    target, told = str(error.get("target") or ""), str(error.get("message"))
    resource = target if target.startswith("/") or not resource else resource
    details = [each for each in error.get("details") or [] if not said(each, told)]
    for each in details:
        yield from reasons(each, resource)
    if not details:
        yield f"{resource}: {error.get('code')}: {told}" if resource else f"{error.get('code')}: {told}"


def said(error: Json, told: str) -> bool:
    """Whether a text says all that is in an error."""
    return str(error.get("message")) in told and all(said(each, told) for each in error.get("details") or [])
