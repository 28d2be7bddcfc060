"""demo: the whole of it, from a CSV to predictions, on this machine."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localcloud.cli import live, output
from localcloud.cli.options import DEFAULT_HOME, FreePortsOption, HomeOption, JsonOption, opened
from localcloud.cli.outcome import CommandError, Exit, told
from localcloud.home import REPOSITORY, Home

if TYPE_CHECKING:
    from localcloud.client import Client

LIMIT = 900.0
"""Seconds that the run may take; on an idle machine it needs some twenty."""
DATASET = "iris_csv.csv"


def demo(
    file: Annotated[
        Path | None, typer.Argument(help="A CSV instead of the lab's.", exists=True, dir_okay=False)
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    free_ports: FreePortsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Start the stack, upload the lab's CSV, show its run to the end, and stop the stack.

    A stack that runs already is used, and left running.
    """
    with told(as_json=as_json):
        place = opened(home, free=free_ports)
        with running(place, quiet=as_json) as client:
            dataset = file or iris(place)
            uploaded = client.upload(dataset)
            if not as_json:
                output.say(f"Uploaded {dataset.name}; its event starts run {uploaded.run_id}.")
            run = live.followed(client.wait, uploaded.run_id, LIMIT, quiet=as_json)
            if not as_json:
                output.out.print(live.summary(run))
    if as_json:
        output.value(run)
    if run["status"] != "Succeeded" or (run["outcome"] == "promoted" and not run["predictions"]):
        raise typer.Exit(Exit.FAILED)
    if not as_json:
        output.say(
            f"Now with your own data: {output.PROGRAM} up, then upload FILE, then score ENDPOINT FILE."
        )


@contextmanager
def running(home: Home, *, quiet: bool) -> Iterator["Client"]:
    """A client of the home's stack, which is started for the block unless it runs already."""
    from localcloud import stack
    from localcloud.client import Client

    if stack.is_locked(home):
        with Client(home) as client:
            yield client
        return
    begun = time.monotonic()
    made = stack.Stack(home)
    with output.err.status("Starting Azurite, the cloud and the Functions host …"):
        made.start()
    with made:
        if not quiet:
            output.say(f"The stack runs after {output.seconds(time.monotonic() - begun)}.")
        yield made.client
        if not quiet:
            output.say("Stopping the stack.")


def iris(home: Home) -> Path:
    """The lab's CSV, made from scikit-learn's copy. Raises CommandError."""
    file = home.root / DATASET
    if not file.exists():
        made = subprocess.run(
            [sys.executable, str(REPOSITORY / "scripts" / "make_iris.py"), str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise CommandError(Exit.FAILED, f"{file} could not be made: {made.stderr.strip()[-500:]}")
    return file
