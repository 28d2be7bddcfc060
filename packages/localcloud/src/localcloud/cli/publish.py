"""publish: the code of a function app."""

from pathlib import Path
from typing import Annotated

import typer

from localcloud.cli import output
from localcloud.cli.options import HomeOption, JsonOption, existing_home
from localcloud.cli.outcome import reporting_errors


def publish(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Name of a deployed site.")],
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Holds host.json and the code."),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a deployed site its code, and return when its functions are listed."""
    from localcloud.controls import Controls

    with reporting_errors(as_json=as_json):
        with Controls(existing_home(home)) as controls, output.err.status("Starting the host …"):
            functions = controls.publish(site, folder)
        if as_json:
            output.print_json({"functions": functions})
        else:
            output.print_message(f"{site} has {len(functions)} functions: {', '.join(functions)}.")
