"""Deploys Touchdown to a localcloud: what `azd up` does in Azure, in its order, with the same templates.

main.bicep, the code, the trainer, the pipeline, events.bicep; what they deploy is in the snapshots. The home
keeps which of these it has, so that a second `touchdown up` deploys nothing.
"""

import hashlib
import json
import os
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from localcloud import deploying
from localcloud.controls import Controls
from localcloud.credentials import Principal
from localcloud.home import Home
from localcloud.spec import Json

from touchdown.errors import StackNotRunningError
from touchdown.local.snapshots import CODE_PATH, EVENTS, MAIN, PIPELINE, SITE, filled, read, tuned
from touchdown.local.trainer import publish_trainer

FILE = "touchdown.json"


@dataclass
class Deployed:
    """What a home has.

    hashes: of the snapshots by name. outputs: of main.bicep, by name. settings: of the app, as it gets them.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, home: Home) -> "Deployed":
        file = home.root / FILE
        return cls(**json.loads(file.read_text())) if file.exists() else cls()

    def write(self, home: Home) -> None:
        draft = home.root / f"{FILE}.partial"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(asdict(self), out, indent=1)
        draft.replace(home.root / FILE)


def deployed(home: Home) -> Deployed:
    """What a home has. Raises StackNotRunningError for a home to which nothing was deployed."""
    found = Deployed.of(home)
    if not found.outputs:
        raise StackNotRunningError(f"nothing was deployed to {home.root} yet: run `touchdown up`.")
    return found


def deploy(
    home: Home, checkout: Path, *, code: bool = True, snapshot_of: Callable[[str], Json] = read
) -> None:
    """Deploy what the running cloud of `home` does not have yet; safe to repeat.

    This process's environment may set TUNABLE settings of the app. code: if false, the site gets no code, and
    no events. snapshot_of: gives each snapshot by its name, for a deployment with other parameters. Raises
    DeploymentFailedError, with what was refused and why, and azure-core's errors.
    """
    has = Deployed.of(home)

    def changed(name: str, snapshot: Json, group: str | None = None) -> None:
        put(home, has, name, snapshot, group)

    changed(MAIN, tuned(snapshot_of(MAIN), os.environ))
    values = has.outputs
    if code:
        with Controls(home) as controls:
            controls.publish(values["FUNCTION_APP"], checkout)
    path = publish_trainer(home, checkout, values["STORAGE_URL"], values["CONTAINER"])
    pipeline = filled(snapshot_of(PIPELINE), {**values, CODE_PATH: path})
    changed(PIPELINE, pipeline, values["AZURE_RESOURCE_GROUP"])
    if code:
        # Event Grid asks whether the functions exist.
        changed(EVENTS, snapshot_of(EVENTS))


def put(home: Home, has: Deployed, name: str, snapshot: Json, group: str | None) -> None:
    """Deploy a snapshot, unless it is the one that the home has."""
    hashed = hashlib.sha256(json.dumps(snapshot, sort_keys=True).encode()).hexdigest()
    if has.hashes.get(name) == hashed:
        return
    ended = deploying.deploy(home, snapshot, name=f"touchdown-{name}", group=group)
    if name == MAIN:
        has.outputs = {each: str(output["value"]) for each, output in ended["outputs"].items()}
        has.settings = settings(home, ids(snapshot, SITE)[0])
    has.hashes[name] = hashed
    has.write(home)


def ids(snapshot: Json, type_: str) -> list[str]:
    return [each["id"] for each in snapshot["predictedResources"] if each["type"] == type_]


def settings(home: Home, site: str) -> dict[str, str]:
    """The settings of a site. Raises httpx.HTTPError."""
    import httpx

    answer = httpx.post(
        f"{home.resource_manager}{site}/config/appsettings/list",
        params={"api-version": "2025-03-01"},
        headers={"Authorization": f"Bearer {Principal(home).get_token(home.resource_manager).token}"},
        verify=ssl.create_default_context(cafile=home.ca_bundle),
        proxy=home.proxy,
    ).raise_for_status()
    return dict(answer.json()["properties"])
