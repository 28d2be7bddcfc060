"""The options that commands share, and the home that they work in."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from localcloud.cli.outcome import START_HINT, CommandError, Exit
from localcloud.home import REPOSITORY, Home, Ports, free_ports

DEFAULT_HOME = Path(os.environ.get("LOCALCLOUD_HOME") or REPOSITORY / ".localcloud")

HomeOption = Annotated[
    Path,
    typer.Option("--home", help="Folder of the cloud: its storage, settings and logs.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value on standard output.")]
FreePortsOption = Annotated[
    bool, typer.Option("--free-ports", help="For a new home: other ports where the usual ones are taken.")
]


def existing(root: Path) -> Home:
    """The home in `root`. Raises CommandError when there is none."""
    if not (root / "cloud.json").exists():
        raise CommandError(Exit.NOT_RUNNING, f"there is no localcloud in {root}.", START_HINT)
    return Home.open(root)


def opened(root: Path, *, free: bool, usual: Ports = Ports()) -> Home:  # noqa: B008 - it is frozen
    """The home in `root`, made if there is none: with the usual ports, or, if `free`, others for taken ones.

    Raises CommandError when a port that a new home would get is taken.
    """
    if (root / "cloud.json").exists():
        return Home.open(root)
    return Home.open(root, available(usual, free=free))


def available(usual: Ports, *, free: bool) -> Ports:
    from localcloud.parts import PortTakenError, check_ports, in_use

    if free:
        taken = [name for name, port in vars(usual).items() if in_use(port)]
        return replace(usual, **dict(zip(taken, free_ports(len(taken)), strict=True)))
    try:
        check_ports(vars(usual))
    except PortTakenError as error:
        hint = "Stop what listens there, or choose other ports: add --free-ports."
        raise CommandError(Exit.CANNOT_START, f"{error}.", hint) from None
    return usual
