"""What a run made, or why it made nothing, in the words and numbers of its record."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from touchdown.cli import output
from touchdown.cli.stages import local_time, waits_for

Json = dict[str, Any]

OUTCOMES = {
    "kept_champion": "kept_champion: the model is registered and not deployed; the default stays",
    "rejected": "rejected: the deployment was deleted; the default stays",
    "approval_timed_out": "approval_timed_out: nobody decided in time; the deployment was deleted, the"
    " default stays",
    "superseded": "superseded: the deployment of a newer upload is the default",
}
"""The outcomes of a successful run that need explaining."""
TAKEN = "superseded: the dataset changed before this run read it, and run {run} has it as it is now"
"""The outcome of a run that ended because of another one."""
MOST_LISTED = 10
"""The most dropped columns or notes that a summary lists."""


def summary(run: Json) -> RenderableType:
    """What a run made, or why it made nothing."""
    version = run.get("model_version")
    error = run.get("error") or {}
    predictions = ", ".join(run.get("predictions", []))
    report: str = run.get("report", "")
    waiting = waits_for(run)
    return output.properties(
        [
            ("status", output.coloured(run["status"])),
            ("outcome", outcome_of(run)),
            ("waiting", Text(waiting, style="yellow")),
            ("model", f"{run['model_name']} version {version}" if version else ""),
            ("task", task(run)),
            ("metrics", metrics(run)),
            *choice(run),
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


def outcome_of(run: Json) -> str:
    outcome: str = run.get("outcome", "")
    if other := run.get("superseded_by"):
        return TAKEN.format(run=other)
    return OUTCOMES.get(outcome, outcome)


def task(run: Json) -> str:
    return ", ".join(str(run[name]) for name in ("task", "algorithm") if run.get(name))


def metrics(run: Json) -> str:
    """Metrics by name. Those of a classifier lie in [0, 1]; a regressor's errors have the label's unit."""
    found = run.get("metrics") or {}
    style = ".4g" if "rmse" in found else ".3f"
    return ", ".join(f"{name} {value:{style}}" for name, value in found.items())


def choice(run: Json) -> list[tuple[str, str | Text]]:
    """What was compared to choose the model, and what each scored. Empty if the run names its algorithm."""
    found = run.get("choice") or {}
    if not found:
        return []
    by = f"by the {found['metric']} of {found['rows']} training rows, which is not the model's quality"
    rows: list[tuple[str, str | Text]] = [
        (
            "choice",
            f"{found['selected']}, {by if found['folds'] else 'as there were too few rows to compare'}",
        )
    ]
    return rows + [("candidate", candidate(each)) for each in found["candidates"][:MOST_LISTED]]


def candidate(found: Json) -> str:
    """A candidate, its score in the choice, how long it took and what it is in the model."""
    score, weight = found.get("score"), found["weight"]
    share = f"{100 * weight:.0f} % of the model" if weight else "no part of the model"
    parts = [
        *(() if score is None else (f"{score:.4g}",)),
        *((output.duration(found["seconds"]),) if found["seconds"] else ()),
        "the model" if weight == 1 else share,
    ]
    return f"{found['name']} ({found['settings']}): {', '.join(parts)}"


def gate(run: Json) -> list[tuple[str, str | Text]]:
    """What the model had to beat, with both numbers of each rule, and why it was not good enough."""
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
    """Champion and challenger on the same rows. unit: the format of the tolerance and its interval."""
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
    comment = f": {found['comment']}" if found.get("comment") else ""
    when = local_time(datetime.fromisoformat(found["at"]))
    return f"{found['decision'].replace('_', ' ')}{who} at {when}{comment}"


def dropped(run: Json) -> str:
    """The columns and rows that the model was not trained on."""
    columns = [f"{each['column']} ({each['why']})" for each in run.get("dropped_columns") or []]
    rows = run.get("dropped_rows") or 0
    found = list(some(columns))
    return ", ".join([*found, *([f"{rows} rows without a label"] if rows else [])])


def some(texts: list[str]) -> Iterable[str]:
    """The first MOST_LISTED of them, and how many more there are."""
    yield from texts[:MOST_LISTED]
    if len(texts) > MOST_LISTED:
        yield f"{len(texts) - MOST_LISTED} more"
