"""A run as a person watches it: its stages with their times, live on a terminal, line by line elsewhere."""

from collections.abc import Callable
from datetime import UTC, datetime
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
    "promote": "make it the default",
    "record_run": "write it down",
}
"""The stages of a run, in order, in a person's words."""


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
        names = [stage["name"] for stage in reached]
        rows += [
            (Text("·", style="dim"), name, words, "") for name, words in STAGES.items() if name not in names
        ]
    return rows


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
            self._live.update(Group(head(run), stages(run)))
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
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in run.get("metrics", {}).items())
    version = run.get("model_version")
    error = run.get("error") or {}
    predictions = ", ".join(run.get("predictions", []))
    return output.facts(
        [
            ("status", output.status(run["status"])),
            ("outcome", run.get("outcome", "")),
            ("model", f"{run['model_name']} version {version}" if version else ""),
            ("metrics", metrics),
            ("endpoint", run.get("endpoint", "") if version else ""),
            ("deployment", run.get("deployment", "")),
            ("predictions", f"{predictions} (the first rows)" if predictions else ""),
            ("pipeline run", run.get("pipeline_run_id", "")),
            ("error", Text(f"{error['stage']}: {error['message']}", style="red") if error else ""),
            ("hint", run.get("hint", "")),
            *(("warning", Text(warning, style="yellow")) for warning in run.get("warnings", [])),
        ]
    )
