"""The stages of a run as a person reads them: each with its purpose and duration, and those to come."""

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import RenderableType
from rich.spinner import Spinner
from rich.text import Text

from touchdown.cli import output

Json = dict[str, Any]

STAGES = {
    "inspect_dataset": "check the dataset",
    "start_training": "start the pipeline",
    "wait": "train on Batch",
    "read_training_result": "read the result",
    "register_model": "register the model",
    "ensure_compute": "make sure of the cluster",
    "ensure_endpoint": "make sure of the endpoint",
    "deploy_model": "deploy",
    "smoke_test": "score some rows with it",
    "approve": "wait for approval",
    "promote": "make it the default",
    "record_run": "write the record",
}
"""The stages of a run in order, each with what it does."""
DEPLOYMENT_STAGES = ("ensure_compute", "ensure_endpoint", "deploy_model", "smoke_test", "approve", "promote")
"""The stages that a run skips when its model is not good enough to deploy."""

PATIENCE = 30.0
"""Seconds after which a stage that waits is worth a word."""


def took(stage: Json, now: datetime) -> float:
    """Seconds that a stage has lasted."""
    ended = datetime.fromisoformat(stage["ended"]) if stage["ended"] else now
    return max(0.0, (ended - datetime.fromisoformat(stage["started"])).total_seconds())


def stage_rows(run: Json, now: datetime) -> list[tuple[Text | Spinner, str, str, str]]:
    """(mark, name, description, seconds) of every stage; of a running run, those to come too."""
    running = run["status"] == "Running"
    reached = run.get("stages", [])
    failed = (run.get("error") or {}).get("stage", "")
    rows: list[tuple[Text | Spinner, str, str, str]] = []
    for stage in reached:
        name = stage["name"]
        if name == failed:
            mark: Text | Spinner = Text("✗", style="red")
        elif stage["ended"]:
            mark = Text("✓", style="green")
        else:
            mark = Spinner("dots", style="cyan") if running else Text("·", style="yellow")
        rows.append((mark, name, STAGES.get(name, ""), f"{took(stage, now):.1f}"))
    if running:
        rows += [(Text("·", style="dim"), name, STAGES[name], "") for name in to_come(run)]
    return rows


def to_come(run: Json) -> list[str]:
    """The stages that a running run is expected to reach."""
    reached = [stage["name"] for stage in run.get("stages", [])]
    # A run whose dataset changed before it was trained on goes through the first stages again.
    again = len(reached) - 1 - reached[::-1].index("inspect_dataset") if "inspect_dataset" in reached else 0
    skipped = set(reached[again:])
    if (run.get("settings") or {}).get("approval") != "required":
        skipped.add("approve")
    if run.get("verdict") == "keep_champion":
        skipped.update(DEPLOYMENT_STAGES)
    return [name for name in STAGES if name not in skipped]


def waiting_since(run: Json) -> datetime | None:
    """When a run began to wait for a decision, or None when it does not wait."""
    stages = run.get("stages") or [{}]
    last = stages[-1]
    if run["status"] != "Running" or last.get("name") != "approve" or last["ended"]:
        return None
    return datetime.fromisoformat(last["started"])


def how_to_decide(run: Json) -> str:
    """How to approve or reject a run that waits for a decision; "" for any other run."""
    since = waiting_since(run)
    if since is None:
        return ""
    limit = (run.get("settings") or {}).get("approval_timeout")
    until = f" until {local_time(since + timedelta(seconds=limit))}" if limit else ""
    name = shlex.quote(run["run_id"])
    why = f" The reason: {run['approval_reason']}." if run.get("approval_reason") else ""
    return (
        f"it waits for a decision{until}: `{output.PROGRAM} approve {name}` makes {run['deployment']} the"
        f" default, `{output.PROGRAM} reject {name}` deletes it.{why}"
    )


def waits_for(run: Json) -> str:
    """What a running run waits for: a decision, or what it says once its stage has lasted PATIENCE; or ""."""
    stages = run.get("stages")
    if run["status"] != "Running" or not stages:
        return ""
    long = took(stages[-1], datetime.now(UTC)) >= PATIENCE
    return how_to_decide(run) or (run.get("waiting_for", "") if long else "")


def local_time(when: datetime) -> str:
    """A time, in this machine's time zone."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def stages(run: Json) -> RenderableType:
    """The table of a run's stages."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for heading in ("", "stage", "", "seconds"):
        made.add_column(heading, header_style="dim", justify="right" if heading == "seconds" else "left")
    for mark, name, description, seconds in stage_rows(run, datetime.now(UTC)):
        made.add_row(mark, Text(name), Text(description, style="dim"), Text(seconds))
    return made


def heading(run: Json) -> Text:
    """Id, status and dataset of a run."""
    return Text.assemble(
        (run["run_id"], "bold"), "  ", output.coloured(run["status"]), "  ", (run["dataset"], "dim")
    )
