"""A run as a person watches it: its stages with their times, live on a terminal, line by line elsewhere."""

import shlex
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from localcloud.cli import output

Json = dict[str, Any]

STAGES = {
    "inspect_dataset": "look at the dataset",
    "start_training": "start the pipeline",
    "wait": "train on Batch",
    "read_training_result": "read the result",
    "register_model": "register the model",
    "ensure_compute": "cluster is there",
    "ensure_endpoint": "endpoint is there",
    "deploy_model": "deploy",
    "smoke_test": "score rows with it",
    "approve": "wait for approval",
    "promote": "make it the default",
    "record_run": "write it down",
}
"""The stages of a run, in order, in a person's words."""
OF_A_DEPLOYMENT = ("ensure_compute", "ensure_endpoint", "deploy_model", "smoke_test", "approve", "promote")
"""The stages that a run leaves out when its model has not earned a deployment."""
OUTCOMES = {
    "kept_champion": "kept_champion: the model is registered and not deployed; the default stays",
    "rejected": "rejected: the deployment was taken back; the default stays",
    "approval_timed_out": "approval_timed_out: nobody decided in time; the deployment was taken back, the"
    " default stays",
    "superseded": "superseded: the deployment of a newer upload is the default",
}
"""How a run succeeded, in a person's words, where the outcome alone does not tell."""
MOST_SHOWN = 10
"""Dropped columns and the like that a summary names."""


def took(stage: Json, now: datetime) -> float:
    """Seconds that a stage has lasted."""
    ended = datetime.fromisoformat(stage["ended"]) if stage["ended"] else now
    return max(0.0, (ended - datetime.fromisoformat(stage["started"])).total_seconds())


def stage_rows(run: Json, now: datetime) -> list[tuple[Text | Spinner, str, str, str]]:
    """(state, stage, words, seconds) of every stage, those to come included while the run lasts."""
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
    """The stages that a running run has before it, as far as is known by now."""
    left_out = {stage["name"] for stage in run.get("stages", [])}
    if (run.get("settings") or {}).get("approval") != "required":
        left_out.add("approve")
    if run.get("verdict") == "keep_champion":
        left_out.update(OF_A_DEPLOYMENT)
    return [name for name in STAGES if name not in left_out]


def waiting_since(run: Json) -> datetime | None:
    """Since when a run has waited for a decision; None when it does not."""
    stages = run.get("stages") or [{}]
    last = stages[-1]
    if run["status"] != "Running" or last.get("name") != "approve" or last["ended"]:
        return None
    return datetime.fromisoformat(last["started"])


def how_to_decide(run: Json) -> str:
    """What a person does about a run that waits for a decision; nothing for one that does not."""
    since = waiting_since(run)
    if since is None:
        return ""
    limit = (run.get("settings") or {}).get("approval_timeout")
    until = f" until {moment(since + timedelta(seconds=limit))}" if limit else ""
    name = shlex.quote(run["run_id"])
    return (
        f"it waits for a decision{until}: `{output.PROGRAM} approve {name}` makes {run['deployment']} the"
        f" default, `{output.PROGRAM} reject {name}` takes it back."
    )


def moment(when: datetime) -> str:
    """A moment in the person's own time."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def stages(run: Json) -> RenderableType:
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for heading in ("", "stage", "", "seconds"):
        made.add_column(heading, header_style="dim", justify="right" if heading == "seconds" else "left")
    for mark, name, words, span in stage_rows(run, datetime.now(UTC)):
        made.add_row(mark, Text(name), Text(words, style="dim"), Text(span))
    return made


def head(run: Json) -> Text:
    return Text.assemble(
        (run["run_id"], "bold"), "  ", output.status(run["status"]), "  ", (run["dataset"], "dim")
    )


class Follower:
    """Shows every look at a run: give it to Client.wait as `seen`."""

    def __init__(self) -> None:
        self._live = Live(console=output.err, refresh_per_second=8) if output.err.is_terminal else None
        self._told: set[tuple[str, bool]] = set()

    def __call__(self, run: Json) -> None:
        if self._live:
            self._live.update(Group(head(run), stages(run), Text(how_to_decide(run), style="yellow")))
        else:
            self._lines(run)

    def _lines(self, run: Json) -> None:
        now = datetime.now(UTC)
        for stage in run.get("stages", []):
            ended = bool(stage["ended"])
            if (stage["name"], ended) in self._told:
                continue
            self._told.add((stage["name"], ended))
            if ended:
                output.say(f"  {stage['name']:<22}{took(stage, now):7.1f} s")
            elif waiting_since(run):
                output.say(f"  {stage['name']:<22}{how_to_decide(run)}")

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()


def followed(wait: Callable[..., Json], run_id: str, limit: float, *, quiet: bool) -> Json:
    """The run when it has ended, shown on the way unless `quiet`."""
    if quiet:
        return wait(run_id, limit=limit)
    with Follower() as follower:
        return wait(run_id, limit=limit, seen=follower)


def summary(run: Json) -> RenderableType:
    """What a run made, or why it made nothing."""
    version = run.get("model_version")
    error = run.get("error") or {}
    predictions = ", ".join(run.get("predictions", []))
    outcome: str = run.get("outcome", "")
    report: str = run.get("report", "")
    waiting = how_to_decide(run)
    return output.facts(
        [
            ("status", output.status(run["status"])),
            ("outcome", OUTCOMES.get(outcome, outcome)),
            ("waiting", Text(waiting, style="yellow")),
            ("model", f"{run['model_name']} version {version}" if version else ""),
            ("task", task(run)),
            ("metrics", metrics(run)),
            *gate(run),
            ("decision", decision(run)),
            ("endpoint", run.get("endpoint", "") if version else ""),
            ("deployment", run.get("deployment", "")),
            ("predictions", f"{predictions} (the first rows)" if predictions else ""),
            ("dropped", dropped(run)),
            *(("note", note) for note in some(run.get("notes") or [])),
            ("report", f"{report}; save it: {output.PROGRAM} report {run['run_id']}" if report else ""),
            ("pipeline run", run.get("pipeline_run_id", "")),
            ("error", Text(f"{error['stage']}: {error['message']}", style="red") if error else ""),
            ("hint", run.get("hint", "")),
            *(("warning", Text(warning, style="yellow")) for warning in run.get("warnings", [])),
        ]
    )


def task(run: Json) -> str:
    return ", ".join(str(run[name]) for name in ("task", "algorithm") if run.get(name))


def metrics(run: Json) -> str:
    """Scores of a classification lie between 0 and 1; errors of a regression are in the label's own unit."""
    found = run.get("metrics") or {}
    style = ".4g" if "rmse" in found else ".3f"
    return ", ".join(f"{name} {value:{style}}" for name, value in found.items())


def gate(run: Json) -> list[tuple[str, str | Text]]:
    """What the model was measured against, both numbers of each, and why it was not good enough."""
    found = run.get("gate") or {}
    if not found:
        return []
    style = ".4g" if found["metric"] == "rmse" else ".3f"
    numbers = [f"{found['metric']} {found['value']:{style}}"]
    for name, bar in ("setting", found.get("floor")), ("name", found.get("baseline")):
        if bar:
            value = bar["limit"] if name == "setting" else bar["value"]
            numbers.append(f"{bar[name]} {value:{style}} ({'passed' if bar['passed'] else 'not passed'})")
    rows: list[tuple[str, str | Text]] = [("gate", "; ".join(numbers))]
    if champion := found.get("champion"):
        # Accuracy is compared in points, an RMSE as a share of the champion's.
        rows.append(("champion", against(champion, style, ".1%" if found["metric"] == "rmse" else ".3f")))
    rows += [("why not", Text(reason, style="yellow")) for reason in found.get("reasons") or []]
    return rows


def against(champion: Json, style: str, unit: str) -> str:
    """Champion and challenger on the same rows. unit: how the tolerance and its interval are written."""
    if champion.get("value") is None or champion.get("challenger") is None:
        return f"{champion['model']} was not compared: {champion.get('error') or 'it has no score'}"
    low, high = champion.get("interval") or (None, None)
    interval = "" if low is None else f", worse by {low:{unit}} to {high:{unit}} (95 % interval)"
    return (
        f"{champion['model']} {champion['value']:{style}}, this model {champion['challenger']:{style}} on the"
        f" same {champion['rows']} rows{interval}; tolerance {champion['tolerance']:{unit}}"
        f" ({'passed' if champion['passed'] else 'not passed'})"
    )


def decision(run: Json) -> str:
    found = run.get("approval") or {}
    if not found:
        return ""
    who = f" by {found['by']}" if found.get("by") else ""
    said = f": {found['comment']}" if found.get("comment") else ""
    return (
        f"{found['decision'].replace('_', ' ')}{who} at {moment(datetime.fromisoformat(found['at']))}{said}"
    )


def dropped(run: Json) -> str:
    """What of the data the model does not know."""
    columns = [f"{each['column']} ({each['why']})" for each in run.get("dropped_columns") or []]
    rows = run.get("dropped_rows") or 0
    found = list(some(columns))
    return ", ".join([*found, *([f"{rows} rows without a label"] if rows else [])])


def some(texts: list[str]) -> Iterable[str]:
    """The first of them, and how many more there are."""
    yield from texts[:MOST_SHOWN]
    if len(texts) > MOST_SHOWN:
        yield f"{len(texts) - MOST_SHOWN} more"
