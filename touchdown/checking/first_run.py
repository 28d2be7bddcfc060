"""A run of 150 rows from upload to predictions, under names of its own."""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from runs import naming
from runs.run_settings import RUN_SETTINGS
from touchdown.checking.deployment import BATCH, SITE, Deployment
from touchdown.checking.findings import Finding, Outcome
from touchdown.checking.rows import NO_NODES, NO_RUN, row_of, row_of_run
from touchdown.client import ENDED, Client, Json
from touchdown.errors import WaitTimedOutError

ROWS_PER_CLASS = 50
EVENT_LIMIT = 900.0
"""Seconds in which the upload's event must have started the run: Event Grid tries again for minutes."""
RUN_LIMIT = 4 * 3600.0
"""Seconds that the run may take: a first one builds an image, and may wait two hours for a scoring node."""
CANCEL_LIMIT = 600.0
PATIENCE = 30 * 60.0
"""Seconds of training after which a pool without nodes is worth a word."""
CLASSES = {"north": (5.0, 3.4, 1.5, 0.2), "middle": (5.9, 2.8, 4.3, 1.3), "south": (6.6, 3.0, 5.6, 2.0)}
"""The means of the features of each class."""

type Report = Callable[[Json], None]


@dataclass(frozen=True)
class Attempt:
    """A run of the check. dataset, model, endpoint: names that nothing else has."""

    dataset: str
    model: str
    endpoint: str
    run_id: str = ""


def rows() -> bytes:
    """The dataset: 150 rows of three classes, which a linear model tells apart."""
    draw = random.Random(150)  # noqa: S311 - data for a model, no secret
    lines = ["length,width,height,depth,kind"]
    for _ in range(ROWS_PER_CLASS):
        for name, means in CLASSES.items():
            cells = [f"{draw.gauss(mean, 0.2):.2f}" for mean in means]
            lines.append(",".join([*cells, name]))
    return ("\n".join(lines) + "\n").encode()


def named(workspace: str) -> Attempt:
    """An attempt with new names. workspace: its id."""
    name = f"touchdown-check-{secrets.token_hex(4)}"
    model = naming.model_name(f"{name}.csv", "classification")
    return Attempt(f"{name}.csv", model, naming.endpoint_name(model, workspace))


def names_for_all(found: Deployment) -> str:
    """The app settings by which every run has the same names; "" if there are none.

    A check's run would then take the name, or be refused it: metadata cannot set another one.
    """
    given = found.get(found.one(SITE), "/config/appsettings/list", "POST")["properties"]
    settings = (RUN_SETTINGS["model_name"], RUN_SETTINGS["endpoint_name"])
    return " and ".join(each.variable for each in settings if str(given.get(each.variable, "")).strip())


def upload(client: Client, attempt: Attempt) -> Attempt:
    """Upload the dataset. Its own name keeps its run apart from all others."""
    settings = {"label": "kind", "task": "classification", "algorithm": "linear"}
    uploaded = client.upload(rows(), attempt.dataset, settings)
    return replace(attempt, run_id=uploaded.run_id)


def identified(client: Client, attempt: Attempt) -> Attempt:
    """The attempt of an upload that got no answer: with its run's id if its dataset is there."""
    from azure.core.exceptions import ResourceNotFoundError

    path = naming.dataset_path(attempt.dataset)
    try:
        properties = client.container.get_blob_client(path).get_blob_properties()
    except ResourceNotFoundError:
        return attempt
    etag = str(properties.etag).strip('"')
    return replace(attempt, run_id=naming.run_id(client.target.container, path, etag))


def follow(client: Client, found: Deployment, attempt: Attempt, report: Report, limit: float) -> Finding:
    """Wait for the run to end, and tell how it ended. `report` gets the run at every poll."""
    try:
        client.wait(attempt.run_id, until=lambda _: True, limit=min(EVENT_LIMIT, limit))
    except WaitTimedOutError:
        message = f"the upload of {attempt.dataset} started no run in {min(EVENT_LIMIT, limit):g} s."
        return Finding("first run", Outcome.FAILED, message, row_of(NO_RUN))
    watched = Watched(found, report)
    try:
        run = client.wait(attempt.run_id, until=is_over, limit=limit, on_poll=watched)
    except WaitTimedOutError:
        run = client.run(attempt.run_id)
        if run["status"] not in ENDED:
            return stuck(run, limit, watched.without_nodes)
    return ended(run)


def is_over(run: Json) -> bool:
    """Whether a run has ended, or has scored rows and waits for a decision."""
    return run["status"] in ENDED or run.get("stage") == "approve"


def stuck(run: Json, limit: float, without_nodes: str) -> Finding:
    """A run that did not end in time."""
    stage = stage_of(run)
    message = f"run {run['run_id']} is still at {stage} after {limit:g} s. {run.get('waiting_for', '')}"
    row = row_of(NO_NODES, without_nodes) if without_nodes and stage == "wait" else ""
    return Finding("first run", Outcome.FAILED, f"{message} {without_nodes}".strip(), row)


def ended(run: Json) -> Finding:
    if run["status"] == "Succeeded" and run.get("predictions"):
        message = f"run {run['run_id']} trained, deployed and scored: {run['endpoint']}/{run['deployment']}."
        return Finding("first run", Outcome.OK, message)
    if run["status"] == "Running":
        message = (
            f"run {run['run_id']} trained, deployed and scored, and waits for approval, as the app's settings"
            " say. It is cancelled."
        )
        return Finding("first run", Outcome.OK, message)
    error = run.get("error") or {}
    stage = error.get("stage") or stage_of(run)
    said = error.get("message") or f"it is {run['status']}, with outcome {run.get('outcome') or 'none'}"
    message = f"run {run['run_id']} failed at {stage}: {error.get('code', run['status'])}: {said}"
    return Finding("first run", Outcome.FAILED, message, row_of_run(run))


def stage_of(run: Json) -> str:
    """The stage that a run has reached."""
    stages = run.get("stages") or [{"name": "its start"}]
    return str(stages[-1]["name"])


class Watched:
    """Reports a run, and looks at the pool where its training takes long."""

    def __init__(self, found: Deployment, report: Report) -> None:
        self._found = found
        self._report = report
        self._next = 0.0
        self.without_nodes = ""
        """What the pool says while it has no nodes, or ""."""

    def __call__(self, run: Json) -> None:
        stages = run.get("stages") or []
        waits = bool(stages) and stages[-1]["name"] == "wait" and not stages[-1]["ended"]
        if waits and seconds_since(stages[-1]["started"]) > PATIENCE and time.monotonic() > self._next:
            self._next = time.monotonic() + 60
            self.without_nodes = resize_error(self._found)
        note = {"waiting_for": self.without_nodes} if waits and self.without_nodes else {}
        self._report({**run, **note})


def seconds_since(started: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()


def resize_error(found: Deployment) -> str:
    """Why the pool has no node, in Batch's words; "" if it has one. Raises ApiError.

    Source: "Pool - Get" of Batch management: currentDedicatedNodes, currentLowPriorityNodes,
    resizeOperationStatus.errors.
    """
    for pool in found.get(found.one(BATCH), "/pools")["value"]:
        properties = pool["properties"]
        nodes = sum(int(properties.get(f"current{kind}Nodes") or 0) for kind in ("Dedicated", "LowPriority"))
        errors = (properties.get("resizeOperationStatus") or {}).get("errors") or []
        said = "; ".join(f"{each.get('code')}: {each.get('message')}" for each in errors)
        if not nodes:
            return f"pool {pool['name']} has no node. {said}".strip()
    return ""
