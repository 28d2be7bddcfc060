"""approve, reject, cancel: a person's decisions about a run."""

from typing import TYPE_CHECKING, Annotated

import typer

from touchdown.cli import live, output
from touchdown.cli.options import HomeOption, JsonOption
from touchdown.cli.outcome import Exit, reporting_errors
from touchdown.cli.resolver import connect
from touchdown.cli.run_commands import WATCH_LIMIT, WatchOption, finish, print_ended

if TYPE_CHECKING:
    from touchdown.client import Client

RunArgument = Annotated[str, typer.Argument(metavar="RUN")]
CommentOption = Annotated[
    str, typer.Option("--comment", metavar="TEXT", help="The reason; it is kept in the run's record.")
]


def approve(
    run_id: RunArgument,
    comment: CommentOption = "",
    watch: WatchOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a run that waits for approval make its deployment the default."""
    with reporting_errors(as_json=as_json), connect(home) as client:
        client.approve(run_id, comment)
        after_decision(client, run_id, "approved", watch=watch, as_json=as_json)


def reject(
    run_id: RunArgument,
    comment: CommentOption = "",
    watch: WatchOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a run that waits for approval delete its deployment; the default stays."""
    with reporting_errors(as_json=as_json), connect(home) as client:
        client.reject(run_id, comment)
        after_decision(client, run_id, "rejected", watch=watch, as_json=as_json)


def after_decision(client: "Client", run_id: str, decision: str, *, watch: bool, as_json: bool) -> None:
    """Print that a decision has been recorded, or with `watch` follow the run that it concerns."""
    if watch:
        finish(client, {"run_id": run_id}, watch=True, as_json=as_json)
    elif as_json:
        output.print_json({"run_id": run_id, "decision": decision})
    else:
        output.print_message(
            f"run {run_id} is {decision}; watch it with `{output.PROGRAM} show {run_id} -w`."
        )


def cancel(
    run_id: RunArgument,
    watch: WatchOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a run: stop what it started and delete what it made."""
    with reporting_errors(as_json=as_json), connect(home) as client:
        client.cancel(run_id)
        if watch:
            ended = live.follow(client.wait, run_id, WATCH_LIMIT, quiet=as_json)
            print_ended(ended, as_json=as_json)
            if ended["status"] != "Cancelled":
                raise typer.Exit(Exit.FAILED)
        elif as_json:
            output.print_json({"run_id": run_id, "cancelling": True})
        else:
            output.print_message(
                f"run {run_id} is being cancelled; watch it with `{output.PROGRAM} show {run_id} -w`."
            )
