"""demo: a whole run on this machine, from a CSV to predictions."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from touchdown.cli import live, output, summary
from touchdown.cli.checkout import find_checkout, require_app_packages
from touchdown.cli.options import (
    AppOption,
    FreePortsOption,
    HomeOption,
    JsonOption,
    opened_home,
    require_localcloud,
)
from touchdown.cli.outcome import CommandError, Exit, reporting_errors

if TYPE_CHECKING:
    from localcloud.home import Home

    from touchdown.client import Client

RUN_LIMIT = 900.0
"""Seconds that the run may take; on an idle machine it needs some twenty."""
DATASET = "iris_csv.csv"


def demo(
    file: Annotated[
        Path | None, typer.Argument(help="A CSV to upload instead of iris.", exists=True, dir_okay=False)
    ] = None,
    app: AppOption = None,
    home: HomeOption = None,
    free_ports: FreePortsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start the stack, upload the iris dataset, follow its run to the end, and stop the stack.

    A stack that runs already is used, and left running.
    """
    with reporting_errors(as_json=as_json):
        checkout = find_checkout(app)
        require_localcloud()
        require_app_packages(checkout)
        place = opened_home(home, free=free_ports)
        with running(place, checkout, quiet=as_json) as client:
            dataset = file or iris(place, checkout)
            uploaded = client.upload(dataset)
            if not as_json:
                output.print_message(f"Uploaded {dataset.name}; its event starts run {uploaded.run_id}.")
            run = live.follow(client.wait, uploaded.run_id, RUN_LIMIT, quiet=as_json)
            if not as_json:
                output.out.print(summary.summary(run))
    if as_json:
        output.print_json(run)
    if run["status"] != "Succeeded" or (run["outcome"] == "promoted" and not run["predictions"]):
        raise typer.Exit(Exit.FAILED)
    if not as_json:
        output.print_message(
            f"Now with your own data: {output.PROGRAM} up, then upload FILE, then score ENDPOINT FILE."
        )


@contextmanager
def running(home: "Home", checkout: Path, *, quiet: bool) -> Iterator["Client"]:
    """A client of the home's stack, which is started for the block unless it runs already."""
    from localcloud import stack

    from touchdown import local
    from touchdown.client import Client

    if stack.is_locked(home):
        with Client(local.target(home)) as client:
            yield client
        return
    started = time.monotonic()
    with output.err.status("Starting Azurite, the cloud and the Functions host …"):
        made = local.start(home, checkout)
    with made, Client(local.target(home)) as client:
        if not quiet:
            output.print_message(f"The stack started in {output.duration(time.monotonic() - started)}.")
        yield client
        if not quiet:
            output.print_message("Stopping the stack.")


def iris(home: "Home", checkout: Path) -> Path:
    """The iris dataset, written from scikit-learn's copy. Raises CommandError when that fails."""
    file = home.root / DATASET
    if not file.exists():
        made = subprocess.run(
            [sys.executable, str(checkout / "scripts" / "make_iris.py"), str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise CommandError(
                Exit.FAILED,
                f"{file} could not be written: {made.stderr.strip()[-500:]}",
                f"Upload a CSV of your own: {output.PROGRAM} demo FILE",
            )
    return file
