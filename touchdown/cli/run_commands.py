"""upload, start, runs, show, report: the runs of the app."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from touchdown.cli import live, output, stages, summary
from touchdown.cli.options import HomeOption, JsonOption, SetOption, parse_metadata, parse_settings
from touchdown.cli.outcome import CommandError, Exit, reporting_errors
from touchdown.cli.resolver import connect

if TYPE_CHECKING:
    from touchdown.client import Client

Json = dict[str, Any]

EVENT_LIMIT = 30.0
"""Seconds within which the event of an upload must have started its run."""
WATCH_LIMIT = 15 * 24 * 3600.0
"""Seconds for which a run is watched: longer than any training and any wait for approval may take."""

WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Show the run until it has ended.")]
NewestRunArgument = Annotated[str, typer.Argument(metavar="[RUN]", help="Default: the newest.")]
DatasetArgument = Annotated[str, typer.Argument(help="Name of a dataset that has been uploaded.")]


def upload(
    file: Annotated[
        Path,
        typer.Argument(
            help="A table: .csv, .tsv or .txt; .gz or .zip may follow.",
            exists=True,
            dir_okay=False,
        ),
    ],
    settings: SetOption = None,
    name: Annotated[str, typer.Option("--name", help="Name of the dataset. Default: the file's.")] = "",
    watch: WatchOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload a dataset; its event starts a run, with the settings that --set puts in its metadata."""
    from touchdown.errors import WaitTimedOutError

    with reporting_errors(as_json=as_json), connect(home) as client:
        metadata = parse_metadata(settings or [])
        with output.err.status("Uploading …"):
            uploaded = client.upload(file, name or file.name, metadata)
        if not as_json:
            output.print_message(f"uploaded {uploaded.path} (ETag {uploaded.etag}).")
        try:
            run = client.wait(uploaded.run_id, until=lambda _: True, limit=EVENT_LIMIT)
        except WaitTimedOutError:
            message = (
                f"no run {uploaded.run_id} within {EVENT_LIMIT:.0f} s; its event may still be under way."
            )
            raise CommandError(Exit.FAILED, message, f"See `{output.PROGRAM} status`.") from None
        finish(client, run, watch=watch, as_json=as_json)


def start(
    dataset: DatasetArgument,
    settings: SetOption = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Run again a dataset that has had its run.")] = False,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Let the run take over an endpoint or a model name of another owner, if the app allows it.",
        ),
    ] = False,
    watch: WatchOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start a run by hand, through the app's HTTP API."""
    with reporting_errors(as_json=as_json), connect(home) as client:
        given = parse_settings(settings or [])
        started = client.start_run(dataset, given, rerun=rerun, take_over=take_over)
        run = client.run(started["run_id"])
        finish(client, run, watch=watch, as_json=as_json)


def runs(
    status: Annotated[str, typer.Option("--status", help="Only Running, Succeeded, Failed, Cancelled.")] = "",
    dataset: Annotated[str, typer.Option("--dataset", help="Only runs of this dataset.")] = "",
    top: Annotated[int, typer.Option("--top", min=1, help="The most runs to list.")] = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    with reporting_errors(as_json=as_json), connect(home) as client:
        found = client.runs(status=status, dataset=dataset, top=top)
    if as_json:
        output.print_json(found)
        return
    rows = [
        (
            stages.local_time(datetime.fromisoformat(run["claimed_at"])),
            output.coloured(run["status"]),
            run["dataset"],
            run["run_id"],
        )
        for run in found
    ]
    output.out.print(output.table(["started", "status", "dataset", "run"], rows))
    if not found:
        output.print_message(f"no runs; start one with `{output.PROGRAM} upload FILE`.")


def show(
    run_id: NewestRunArgument = "",
    watch: WatchOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run: its stages with their times, and what it made."""
    with reporting_errors(as_json=as_json), connect(home) as client:
        found = client.run(run_id or newest(client))
        if watch and found["status"] == "Running":
            finish(client, found, watch=True, as_json=as_json)
        elif as_json:
            output.print_json(found)
        else:
            print_run(found)


def report(
    run_id: NewestRunArgument = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Default: report-RUN.html in this folder.", dir_okay=False
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save the report of a run: one HTML file about its data and its model."""
    with reporting_errors(as_json=as_json), connect(home) as client:
        found = client.run(run_id or newest(client))
        file = out or Path(f"report-{found['run_id']}.html")
        if not file.absolute().parent.is_dir():
            raise CommandError(Exit.USAGE, f"--out {file}: there is no folder {file.parent}.")
        client.save_report(found, file)
    if as_json:
        output.print_json({"run_id": found["run_id"], "path": found["report"], "file": str(file.absolute())})
    else:
        output.print_message(f"saved {file.absolute()}; open it in a browser.")


def finish(client: "Client", run: Json, *, watch: bool, as_json: bool) -> None:
    """Print a run that has started. With `watch`, follow it to its end and exit with 1 unless it succeeds."""
    if not watch:
        if as_json:
            output.print_json(run)
        else:
            output.out.print(run["run_id"])
            output.print_message(f"Watch it: {output.PROGRAM} show --watch")
        return
    ended = live.follow(client.wait, run["run_id"], WATCH_LIMIT, quiet=as_json)
    print_ended(ended, as_json=as_json)
    if ended["status"] != "Succeeded":
        raise typer.Exit(Exit.FAILED)


def print_ended(run: Json, *, as_json: bool) -> None:
    if as_json:
        output.print_json(run)
    else:
        output.out.print(summary.summary(run))


def print_run(run: Json) -> None:
    output.out.print(stages.heading(run))
    output.out.print(stages.stages(run))
    output.out.print(summary.summary(run))


def newest(client: "Client") -> str:
    found = client.runs(top=1)
    if not found:
        raise CommandError(Exit.REFUSED, "there are no runs.", f"Start one: {output.PROGRAM} upload FILE")
    return str(found[0]["run_id"])
