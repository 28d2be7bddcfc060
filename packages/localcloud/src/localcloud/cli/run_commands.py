"""upload, start, runs, show, approve, reject, report, cancel: runs of the app."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from localcloud.cli import live, output
from localcloud.cli.options import DEFAULT_HOME, HomeOption, JsonOption, SetOption, existing
from localcloud.cli.outcome import START_HINT, CommandError, Exit, pairs, told

if TYPE_CHECKING:
    from localcloud.client import Client

Json = dict[str, Any]

EVENT_LIMIT = 30.0
"""Seconds within which the event of an upload must have started its run."""
WATCH_LIMIT = 15 * 24 * 3600.0
"""Seconds for which a run is watched: longer than any training and any wait for approval may take."""

WatchOption = Annotated[bool, typer.Option("--watch", "-w", help="Show the run until it has ended.")]
CommentOption = Annotated[
    str, typer.Option("--comment", metavar="TEXT", help="Why; it stands in the run's record.")
]
DatasetArgument = Annotated[str, typer.Argument(help="Name of a dataset that has been uploaded.")]


def client_of(home: Path) -> "Client":
    """A client of the home's stack. Raises CommandError when it does not run."""
    from localcloud.client import Client
    from localcloud.stack import is_locked

    place = existing(home)
    if not is_locked(place):
        raise CommandError(Exit.NOT_RUNNING, f"the stack of {place.root} is not running.", START_HINT)
    return Client(place)


def upload(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV with a header; .csv.gz when it is compressed.", exists=True, dir_okay=False
        ),
    ],
    settings: SetOption = None,
    name: Annotated[str, typer.Option("--name", help="Name of the dataset. Default: the file's.")] = "",
    watch: WatchOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Upload a dataset; its event starts a run, with the settings that --set puts in its metadata."""
    from localcloud.client import WaitTimeoutError

    with told(as_json=as_json), client_of(home) as client:
        metadata = metadata_of(settings or [])
        with output.err.status("Uploading …"):
            uploaded = client.upload(file, name or file.name, metadata)
        if not as_json:
            output.say(f"uploaded {uploaded.path} (ETag {uploaded.etag}).")
        try:
            run = client.wait(uploaded.run_id, until=lambda _: True, limit=EVENT_LIMIT)
        except WaitTimeoutError:
            message = (
                f"no run {uploaded.run_id} within {EVENT_LIMIT:.0f} s; its event may still be under way."
            )
            raise CommandError(Exit.FAILED, message, f"See `{output.PROGRAM} status`.") from None
        finish(client, run, watch=watch, as_json=as_json)


def start(
    dataset: DatasetArgument,
    settings: SetOption = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Also when this content has had its run.")] = False,
    watch: WatchOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Start a run by hand, through the app's HTTP API."""
    with told(as_json=as_json), client_of(home) as client:
        begun = client.start_run(dataset, pairs(settings or []), rerun=rerun)
        run = client.run(begun["run_id"])
        finish(client, run, watch=watch, as_json=as_json)


def runs(
    status: Annotated[str, typer.Option("--status", help="Only Running, Succeeded, Failed, Cancelled.")] = "",
    dataset: Annotated[str, typer.Option("--dataset", help="Only of this dataset.")] = "",
    top: Annotated[int, typer.Option("--top", min=1, help="At most so many.")] = 20,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    with told(as_json=as_json), client_of(home) as client:
        found = client.runs(status=status, dataset=dataset, top=top)
    if as_json:
        output.value(found)
        return
    rows = [
        (local(run["claimed_at"]), output.status(run["status"]), run["dataset"], run["run_id"])
        for run in found
    ]
    output.out.print(output.table(["started", "status", "dataset", "run"], rows))
    if not found:
        output.say(f"no runs; start one with `{output.PROGRAM} upload FILE`.")


def show(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="Default: the newest.")] = "",
    watch: WatchOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show a run: its stages with their times, and what it made."""
    with told(as_json=as_json), client_of(home) as client:
        found = client.run(run_id or newest(client))
        if watch and found["status"] == "Running":
            finish(client, found, watch=True, as_json=as_json)
        elif as_json:
            output.value(found)
        else:
            show_run(found)


def approve(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    comment: CommentOption = "",
    watch: WatchOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Let a run that waits for approval make its deployment the default."""
    with told(as_json=as_json), client_of(home) as client:
        client.approve(run_id, comment)
        decided(client, run_id, "approved", watch=watch, as_json=as_json)


def reject(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    comment: CommentOption = "",
    watch: WatchOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Have a run that waits for approval take its deployment back; the default stays."""
    with told(as_json=as_json), client_of(home) as client:
        client.reject(run_id, comment)
        decided(client, run_id, "rejected", watch=watch, as_json=as_json)


def decided(client: "Client", run_id: str, decision: str, *, watch: bool, as_json: bool) -> None:
    """Say that a decision has been taken down; with `watch` show what comes of it."""
    if watch:
        finish(client, {"run_id": run_id}, watch=True, as_json=as_json)
    elif as_json:
        output.value({"run_id": run_id, "decision": decision})
    else:
        output.say(f"run {run_id} is {decision}; watch it with `{output.PROGRAM} show {run_id} -w`.")


def report(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="Default: the newest.")] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Default: report-RUN.html, here.", dir_okay=False),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Save the report of a run: one HTML file about its data and its model."""
    with told(as_json=as_json), client_of(home) as client:
        found = client.run(run_id or newest(client))
        file = out or Path(f"report-{found['run_id']}.html")
        if not file.absolute().parent.is_dir():
            raise CommandError(Exit.USAGE, f"--out {file}: there is no folder {file.parent}.")
        client.save_report(found, file)
    if as_json:
        output.value({"run_id": found["run_id"], "path": found["report"], "file": str(file.absolute())})
    else:
        output.say(f"saved {file.absolute()}; open it in a browser.")


def cancel(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    watch: WatchOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Cancel a run: what it started is stopped and what it made is taken back."""
    with told(as_json=as_json), client_of(home) as client:
        client.cancel(run_id)
        if watch:
            ended = live.followed(client.wait, run_id, WATCH_LIMIT, quiet=as_json)
            show_ended(ended, as_json=as_json)
            if ended["status"] != "Cancelled":
                raise typer.Exit(Exit.FAILED)
        elif as_json:
            output.value({"run_id": run_id, "cancelling": True})
        else:
            output.say(f"run {run_id} is being cancelled; watch it with `{output.PROGRAM} show {run_id} -w`.")


def finish(client: "Client", run: Json, *, watch: bool, as_json: bool) -> None:
    """Show a run that has begun; with `watch` until it has ended, and its failure is the command's."""
    if not watch:
        if as_json:
            output.value(run)
        else:
            output.out.print(run["run_id"])
            output.say(f"Watch it: {output.PROGRAM} show --watch")
        return
    ended = live.followed(client.wait, run["run_id"], WATCH_LIMIT, quiet=as_json)
    show_ended(ended, as_json=as_json)
    if ended["status"] != "Succeeded":
        raise typer.Exit(Exit.FAILED)


def show_ended(run: Json, *, as_json: bool) -> None:
    if as_json:
        output.value(run)
    else:
        output.out.print(live.summary(run))


def show_run(run: Json) -> None:
    output.out.print(live.head(run))
    output.out.print(live.stages(run))
    output.out.print(live.summary(run))


def newest(client: "Client") -> str:
    found = client.runs(top=1)
    if not found:
        raise CommandError(Exit.REFUSED, "there are no runs.", f"Start one: {output.PROGRAM} upload FILE")
    return str(found[0]["run_id"])


def metadata_of(given: list[str]) -> dict[str, str]:
    """The blob metadata that carries settings, checked before anything is uploaded.

    Raises CommandError or Refused.
    """
    from runs.settings import checked

    found = pairs(given)
    checked(found)
    for name, value in found.items():
        if not value.isascii():
            message = f"--set {name}={value}: metadata of a blob is ASCII."
            hint = f"Upload without it, then: {output.PROGRAM} start DATASET --rerun --set {name}={value}"
            raise CommandError(Exit.USAGE, message, hint)
    return found


def local(moment: str) -> str:
    return live.moment(datetime.fromisoformat(moment))
