"""The options that commands share, and how their values are read: a cloud's folder, settings."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from touchdown.cli import output
from touchdown.cli.checkout import checkout_above
from touchdown.cli.outcome import START_HINT, CommandError, Exit

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
AppOption = Annotated[
    Path | None,
    typer.Option(
        "--app",
        metavar="FOLDER",
        help="A checkout of Touchdown. Default: this folder or one above it.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value to standard output.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of the run, such as min_accuracy=0.9."),
]
FreePortsOption = Annotated[
    bool, typer.Option("--free-ports", help="For a new home: other ports in place of those that are taken.")
]


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
    return (checkout_above(here) or here) / HOME_NAME


def require_localcloud() -> None:
    """Raise CommandError when localcloud is not installed."""
    from importlib.util import find_spec

    if find_spec("localcloud") is None:
        raise CommandError(
            Exit.CANNOT_START,
            "this command needs localcloud, which is not installed.",
            "In a checkout of Touchdown, run `make setup`, or: pip install packages/localcloud",
        )


def existing_home(given: Path | None) -> "Home":
    """The home that a command works with. Raises CommandError when it does not exist."""
    require_localcloud()
    from localcloud.home import Home

    root = home_folder(given)
    if not (root / "cloud.json").exists():
        raise CommandError(
            Exit.NOT_RUNNING,
            f"there is no localcloud in {root}.",
            f"{START_HINT} If it lies elsewhere, name its folder with --home or {HOME_VARIABLE}.",
        )
    return Home.open(root)


def opened_home(given: Path | None, *, free: bool) -> "Home":
    """The home that a command works with, made if it does not exist, with free ports if `free`.

    Raises an error of localcloud's when a port that a new home would get is taken.
    """
    require_localcloud()
    from localcloud.lifecycle import open_home

    return open_home(home_folder(given), free=free)


def parse_settings(given: list[str]) -> dict[str, Any]:
    """The values of --set by name. Raises CommandError for one that is not NAME=VALUE."""
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise CommandError(Exit.USAGE, f"--set {each}: name=value is expected, such as min_accuracy=0.9.")
        found[name.strip().lower()] = value
    return found


def parse_metadata(given: list[str]) -> dict[str, str]:
    """The values of --set as blob metadata, which carries the settings of an upload's run.

    Raises CommandError or RefusedError for a value that the run would refuse, before anything is uploaded.
    """
    from runs.settings import checked

    found = parse_settings(given)
    checked(found)
    for name, value in found.items():
        if not value.isascii():
            raise CommandError(
                Exit.USAGE,
                f"--set {name}={value}: a blob's metadata holds ASCII only.",
                f"Upload without it, then: {output.PROGRAM} start DATASET --rerun --set {name}={value}",
            )
    return found
