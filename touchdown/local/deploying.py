"""Deploys Touchdown to a localcloud: what `azd up` does in Azure, in its order, with the same templates.

main.bicep, the code, the trainer, the pipeline, events.bicep; what they deploy is in the snapshots. The cloud
knows which snapshots it has, so that a second `touchdown up` deploys nothing.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from localcloud import deploying
from localcloud.controls import Controls, NotRunningError
from localcloud.home import Home
from localcloud.spec import Json

from touchdown.errors import StackNotRunningError
from touchdown.local.snapshots import EVENTS, MAIN, PIPELINE, TRAINER_HASH, filled, read, tuned
from touchdown.local.trainer import Trainer

PUBLISHED = "PUBLISHED"
"""The output by which the pipeline's deployment tells which files of the trainer were published."""


def outputs(home: Home) -> dict[str, str]:
    """The outputs of main.bicep by their names.

    Raises StackNotRunningError for a home whose cloud does not run, or to which nothing was deployed.
    """
    try:
        found = deploying.newest(home, name=named(MAIN))
    except NotRunningError as error:
        raise StackNotRunningError(str(error)) from None
    values = found["deployment"]["properties"].get("outputs") if found else None
    if not values:
        raise StackNotRunningError(f"nothing was deployed to {home.root} yet: run `touchdown up`.")
    return values_of(values)


def deploy(
    home: Home, checkout: Path, *, code: bool = True, snapshot_of: Callable[[str], Json] = read
) -> list[str]:
    """Deploy what the running cloud of `home` does not have yet; safe to repeat. Return the names of it.

    This process's environment may set TUNABLE settings of the app. code: if false, the site gets no code, and
    no events. snapshot_of: gives each snapshot by its name, for a deployment with other parameters. Raises
    DeploymentFailedError, with what was refused and why, and azure-core's errors.
    """
    changed: list[str] = []
    main = put(home, MAIN, tuned(snapshot_of(MAIN), os.environ), changed)
    values = values_of(main["outputs"])
    # The host starts the code while the trainer is published: neither needs the other.
    with ThreadPoolExecutor(1) as aside:
        started = aside.submit(publish, home, values["FUNCTION_APP"], checkout) if code else None
        put_pipeline(home, Trainer.of(checkout), values, snapshot_of(PIPELINE), changed)
        if started:
            # Event Grid asks whether the functions exist.
            started.result()
            put(home, EVENTS, snapshot_of(EVENTS), changed)
    return changed


def put(
    home: Home,
    name: str,
    snapshot: Json,
    changed: list[str],
    *,
    group: str | None = None,
    before: Callable[[], None] = lambda: None,
) -> Json:
    """Deploy a snapshot unless it is what was deployed last, and return the properties of its deployment.

    changed: gets the name if it is deployed. before: called first, if it is deployed.
    """
    known = deploying.deployed(home, snapshot, name=named(name), group=group)
    if known is not None:
        return known
    before()
    changed.append(name)
    return deploying.deploy(home, snapshot, name=named(name), group=group)


def put_pipeline(
    home: Home, trainer: Trainer, values: dict[str, str], snapshot: Json, changed: list[str]
) -> None:
    """Publish the trainer, and deploy the pipeline that runs it, unless the cloud has both.

    What MAIN has just deployed may hold a new container, while the pipeline is still there: then the trainer
    is published nevertheless.
    """
    pipeline = {
        **filled(snapshot, {**values, TRAINER_HASH: trainer.hash}),
        "outputs": {PUBLISHED: trainer.digest},
    }
    upload = partial(trainer.upload, home, values["STORAGE_URL"], values["CONTAINER"])
    put(home, PIPELINE, pipeline, changed, group=values["AZURE_RESOURCE_GROUP"], before=upload)
    if MAIN in changed and PIPELINE not in changed:
        upload()


def publish(home: Home, site: str, checkout: Path) -> None:
    with Controls(home) as controls:
        controls.publish(site, checkout)


def named(name: str) -> str:
    """The name of the deployment of a snapshot."""
    return f"touchdown-{name}"


def values_of(outputs: Json) -> dict[str, str]:
    return {name: str(output["value"]) for name, output in outputs.items()}
