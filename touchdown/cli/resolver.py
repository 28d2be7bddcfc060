"""Finds the Touchdown that a command uses."""

from pathlib import Path
from typing import TYPE_CHECKING

from touchdown.cli.options import existing_home
from touchdown.cli.outcome import START_HINT, CommandError, Exit

if TYPE_CHECKING:
    from touchdown.client import Client
    from touchdown.target import Target


def resolve_target(home: Path | None) -> "Target":
    """The target of a command: the localcloud in its home. Raises CommandError if it is not running."""
    place = existing_home(home)
    from localcloud.stack import is_locked

    from touchdown import local

    if not is_locked(place):
        raise CommandError(Exit.NOT_RUNNING, f"the stack of {place.root} is not running.", START_HINT)
    return local.target(place)


def connect(home: Path | None) -> "Client":
    """A client of a command's target. Raises CommandError if the target is not running."""
    target = resolve_target(home)
    from touchdown.client import Client

    return Client(target)
