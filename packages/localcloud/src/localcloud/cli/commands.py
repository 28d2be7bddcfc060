"""up, down, status, env, reset: the stack as a whole."""

import shlex
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from localcloud.cli import output
from localcloud.cli.options import HomeOption, JsonOption, existing_home, home_folder
from localcloud.cli.outcome import CommandError, Exit, reporting_errors
from localcloud.cli.status import print_status


def up(
    spec: Annotated[
        Path | None,
        typer.Option(
            "--spec",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="What the cloud serves, as JSON (localcloud.spec). Default: this home's last specification.",
        ),
    ] = None,
    home: HomeOption = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in the foreground; Ctrl-C stops the stack.")
    ] = False,
    functions: Annotated[
        bool | None,
        typer.Option(
            "--functions/--no-functions",
            help="Whether to start a Functions host (default: if there is an app); else, use `func start`.",
        ),
    ] = None,
    free_ports: Annotated[
        bool,
        typer.Option("--free-ports", help="For a new home: use free ports instead of those that are taken."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the stack in the background, and return when all of it is healthy."""
    from localcloud import lifecycle
    from localcloud.spec import CloudSpec

    goes_on = "What has started goes on in the background, and `localcloud down` stops it."
    with reporting_errors(as_json=as_json, if_interrupted="" if foreground else goes_on):
        given = CloudSpec.read(spec) if spec else None
        place = lifecycle.open_home(home_folder(home), free=free_ports)
        if foreground:
            output.print_message(f"Starting; logs are in {place.logs}. Ctrl-C stops everything.")
            lifecycle.run_in_foreground(place, given, functions=functions)
            return
        started = time.monotonic()
        with output.err.status("Starting the stack …"):
            done = lifecycle.bring_up(place, given, functions=functions)
        report = lifecycle.report(place)
        if as_json:
            output.print_json(report)
            return
        print_status(report)
        output.print_message(f"{done} ({output.duration(time.monotonic() - started)}).")


def down(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop everything that `up` started. Data and deployed resources are kept."""
    from localcloud import lifecycle

    unsure = "`localcloud status` tells whether the stack still runs."
    with reporting_errors(as_json=as_json, if_interrupted=unsure):
        stopped = False
        if lifecycle.exists(home_folder(home)):
            with output.err.status("Stopping …"):
                stopped = lifecycle.bring_down(existing_home(home))
        if as_json:
            output.print_json({"stopped": stopped})
        else:
            output.print_message("stopped." if stopped else "nothing was running.")


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the processes, their addresses and memory. The exit code is 0 only if all of them run."""
    from localcloud import lifecycle

    with reporting_errors(as_json=as_json):
        report = lifecycle.report(existing_home(home))
        if as_json:
            output.print_json(report)
        else:
            print_status(report)
        if not report["running"]:
            raise typer.Exit(Exit.NOT_RUNNING)
        if any(part["state"] != "running" for part in report["parts"]):
            raise typer.Exit(Exit.FAILED)


def env(
    home: HomeOption = None,
    app: Annotated[
        bool, typer.Option("--app", help="The function app's variables instead of a person's.")
    ] = False,
    func: Annotated[
        Path | None,
        typer.Option(
            "--func",
            metavar="FOLDER",
            file_okay=False,
            exists=True,
            help="Write local.settings.json for Azure Functions Core Tools to the app's folder.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing local.settings.json.")] = False,
    as_: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who uses the cloud: see `localcloud principal list`.")
    ] = "person",
    as_json: JsonOption = False,
) -> None:
    """Print the variables with which Azure's SDKs use this cloud: eval "$(localcloud env)"."""
    from localcloud import certificates, core_tools, environment
    from localcloud.persons import UnknownPersonError

    with reporting_errors(as_json=as_json):
        place = existing_home(home)
        certificates.ensure(place)
        if func is not None:
            try:
                file = core_tools.write_settings(place, func, force=force)
            except FileExistsError as error:
                raise CommandError(Exit.USAGE, str(error), "Add --force to replace it.") from None
            if as_json:
                output.print_json({"written": str(file)})
            else:
                output.print_message(f"written: {file}. It holds secrets of this home: keep it out of git.")
            return
        try:
            variables = (
                environment.of_app(place, core_tools.site_settings(place))
                if app
                else environment.of_person(place, as_)
            )
        except UnknownPersonError as error:
            raise CommandError(Exit.USAGE, str(error)) from None
        if as_json:
            output.print_json(variables)
            return
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")


def reset(
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop the stack and delete the cloud: its resources, storage, logs and settings."""
    from localcloud import lifecycle

    folder = home_folder(home)
    rest = f"If {folder} is still there, `localcloud down` stops what still runs; then delete the folder."
    with reporting_errors(as_json=as_json, if_interrupted=rest):
        place = existing_home(home)
        if not yes and as_json:
            raise CommandError(
                Exit.USAGE, "nothing was deleted: with --json, this command cannot ask.", "Add --yes."
            )
        if not yes and not typer.confirm(f"Delete {place.root} and everything in this cloud?", err=True):
            raise CommandError(Exit.USAGE, "nothing was deleted.")
        lifecycle.bring_down(place)
        shutil.rmtree(place.root)
        if as_json:
            output.print_json({"deleted": str(place.root)})
        else:
            output.print_message(f"deleted {place.root}.")
