"""up, down, status, env, reset: Touchdown on a localcloud, as a whole."""

import shlex
import shutil
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from touchdown.cli import output
from touchdown.cli.checkout import find_checkout, require_app_packages
from touchdown.cli.options import (
    AppOption,
    FreePortsOption,
    HomeOption,
    JsonOption,
    existing_home,
    home_folder,
    opened_home,
    require_localcloud,
)
from touchdown.cli.outcome import CommandError, Exit, reporting_errors

if TYPE_CHECKING:
    from localcloud.home import Home

SETTINGS_FILE = "local.settings.json"


def up(
    app: AppOption = None,
    home: HomeOption = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in the foreground; Ctrl-C stops the stack.")
    ] = False,
    functions: Annotated[
        bool,
        typer.Option(
            "--functions/--no-functions",
            help="Whether to start the Functions host; without it, use `func start`.",
        ),
    ] = True,
    free_ports: FreePortsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start the stack in the background, and return when all of it is healthy."""
    goes_on = f"What has started goes on in the background, and `{output.PROGRAM} down` stops it."
    with reporting_errors(as_json=as_json, if_interrupted="" if foreground else goes_on):
        checkout = find_checkout(app)
        require_localcloud()
        if functions:
            require_app_packages(checkout)
        place = opened_home(home, free=free_ports)
        from localcloud import lifecycle
        from localcloud.cli.status import print_status

        from touchdown import local

        spec = local.spec(checkout)
        deploy = partial(local.deploy, place, checkout)
        if foreground:
            output.print_message(f"Starting; logs are in {place.logs}. Ctrl-C stops everything.")
            lifecycle.run_in_foreground(place, spec, functions=functions, on_cloud_ready=deploy)
            return
        started = time.monotonic()
        with output.err.status("Starting Azurite, the cloud and the Functions host …"):
            done = lifecycle.bring_up(place, spec, functions=functions, on_cloud_ready=deploy)
        report = lifecycle.report(place)
        if as_json:
            output.print_json(report)
            return
        print_status(report, output.PROGRAM)
        output.print_message(f"{done} ({output.duration(time.monotonic() - started)}).")
        output.print_message(f"Next: {output.PROGRAM} upload FILE")


def down(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop everything that `up` started. Data and deployed resources are kept."""
    interrupted: list[str] = []

    def told() -> dict[str, Any]:
        return {"interrupted": interrupted}

    unsure = f"`{output.PROGRAM} status` tells whether the stack still runs."
    with reporting_errors(as_json=as_json, if_interrupted=unsure, beside=told):
        stopped = False
        if (home_folder(home) / "cloud.json").exists():
            place = existing_home(home)
            from localcloud import lifecycle

            with output.err.status("Stopping …"):
                for run in running_runs(place):
                    interrupted.append(run["run_id"])
                    if not as_json:
                        print_interrupted(run)
                stopped = lifecycle.bring_down(place)
        if as_json:
            output.print_json({"stopped": stopped, **told()})
        else:
            output.print_message("stopped." if stopped else "nothing was running.")


def print_interrupted(run: dict[str, Any]) -> None:
    """Tell that a run does not outlive its stack; before that stops, so that no error can hide it."""
    output.print_message(
        f"Stopping interrupts run {run['run_id']}; after the next `up`, continue it with"
        f" `{output.PROGRAM} start {shlex.quote(run['dataset'])}`"
    )


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the processes, their addresses and memory. The exit code is 0 only if all of them run."""
    with reporting_errors(as_json=as_json):
        place = existing_home(home)
        from localcloud import lifecycle
        from localcloud.cli.status import print_status

        report = lifecycle.report(place)
        if as_json:
            output.print_json(report)
        else:
            print_status(report, output.PROGRAM)
        if not report["running"]:
            raise typer.Exit(Exit.NOT_RUNNING)
        if any(part["state"] != "running" for part in report["parts"]):
            raise typer.Exit(Exit.FAILED)


def env(
    home: HomeOption = None,
    function_app: Annotated[
        bool, typer.Option("--function-app", help="The Function App's variables instead of a person's.")
    ] = False,
    func: Annotated[
        bool,
        typer.Option("--func", help=f"Write {SETTINGS_FILE} for Azure Functions Core Tools to the checkout."),
    ] = False,
    app: AppOption = None,
    force: Annotated[bool, typer.Option("--force", help=f"Replace an existing {SETTINGS_FILE}.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the variables with which curl and Azure's SDKs use this cloud: eval "$(touchdown env)"."""
    with reporting_errors(as_json=as_json):
        place = existing_home(home)
        from localcloud import certificates

        certificates.ensure(place)
        if func:
            write_settings(place, find_checkout(app), force=force, as_json=as_json)
            return
        variables = app_variables(place) if function_app else person_variables(place)
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
    """Stop the stack and delete the cloud: storage, models, endpoints, runs, logs, settings."""
    down = f"`{output.PROGRAM} down`"
    rest = f"If {home_folder(home)} is still there, {down} stops what still runs; then delete the folder."
    with reporting_errors(as_json=as_json, if_interrupted=rest):
        place = existing_home(home)
        from localcloud import lifecycle

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


def running_runs(home: "Home") -> list[dict[str, Any]]:
    """The runs that stopping the home's stack interrupts: it holds the engine's state in memory."""
    import httpx
    from localcloud.stack import is_locked

    from touchdown import local
    from touchdown.client import Client, ClientError

    if not is_locked(home):
        return []
    try:
        with Client(local.target(home), timeout=5) as client:
            claimed = client.runs(status="Running")
            return [run for run in claimed if client.run(run["run_id"])["status"] == "Running"]
    except (ClientError, httpx.HTTPError):
        return []


def person_variables(home: "Home") -> dict[str, str]:
    """The variables for a person's shell: what Azure's SDKs read, and the app's HTTP API with its key.

    The key is left out until the Functions host has written it.
    """
    from localcloud import environment

    from touchdown.errors import StackNotRunningError
    from touchdown.local.target import function_key

    variables = environment.of_person(home) | {"TOUCHDOWN_API": f"{home.functions_url}/api"}
    try:
        return variables | {"TOUCHDOWN_KEY": function_key(home)}
    except StackNotRunningError:
        return variables


def app_variables(home: "Home") -> dict[str, str]:
    """The environment of the Function App against this home, whose cloud is running."""
    from localcloud import core_tools, environment

    return environment.of_app(home, core_tools.site_settings(home))


def write_settings(home: "Home", checkout: Path, *, force: bool, as_json: bool) -> None:
    """Write the settings with which `func start` serves the app in `checkout` against this home."""
    from localcloud import core_tools

    try:
        file = core_tools.write_settings(home, checkout, force=force)
    except FileExistsError as error:
        raise CommandError(Exit.USAGE, str(error), "Add --force to replace it.") from None
    if as_json:
        output.print_json({"written": str(file)})
        return
    output.print_message(f"written: {file}. It holds secrets of this home and is ignored by git.")
    output.print_message(f"Next, on a stack that `{output.PROGRAM} up --no-functions` started:")
    output.print_message(
        f'SSL_CERT_FILE="{home.ca_bundle}" HTTPS_PROXY={home.proxy} func start --port {home.ports.functions}'
    )
