"""The options that commands share, and the home that they use."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localcloud.cli.outcome import START_HINT, CommandError, Exit

if TYPE_CHECKING:
    from localcloud.home import Home

HOME_VARIABLE = "LOCALCLOUD_HOME"
HOME_NAME = ".localcloud"

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="FOLDER",
        help="Folder of the cloud: storage, settings, logs."
        f" Default: {HOME_VARIABLE}, else {HOME_NAME} in this folder or one above it.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value to standard output.")]


def home_folder(given: Path | None) -> Path:
    """The folder of the cloud that a command works with, whether or not it exists yet."""
    if given is not None:
        return given
    if named := os.environ.get(HOME_VARIABLE):
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / HOME_NAME / "cloud.json").exists():
            return folder / HOME_NAME
    return here / HOME_NAME


def existing_home(given: Path | None) -> "Home":
    """The home that a command works with. Raises CommandError if it does not exist."""
    from localcloud.home import Home

    root = home_folder(given)
    if not (root / "cloud.json").exists():
        raise CommandError(
            Exit.NOT_RUNNING,
            f"there is no localcloud in {root}.",
            f"{START_HINT} If it lies elsewhere, name its folder with --home or {HOME_VARIABLE}.",
        )
    return Home.open(root)
