"""How a command ends: the exit codes, and which error has which."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from localcloud.cli import output


class Exit(IntEnum):
    """0 ok, 1 the run or job failed, 2 wrong usage, 3 not running, 4 cannot start, 5 refused, 130 Ctrl-C."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    CANNOT_START = 4
    REFUSED = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """A command that cannot go on: what to tell, and what to try."""

    def __init__(self, code: Exit, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


START_HINT = f"Start it with `{output.PROGRAM} up`."


@contextmanager
def told(*, as_json: bool) -> Iterator[None]:
    """Tell an error of the block to the person or the program, and end the command with its code."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        output.error("interrupted", "interrupted.", as_json=as_json)
        raise typer.Exit(Exit.INTERRUPTED) from None
    except Exception as error:
        known = known_error(error)
        if known is None:
            raise
        output.error(known.code.name.lower(), str(known), known.hint, as_json=as_json)
        raise typer.Exit(known.code) from None


def known_error(error: Exception) -> CommandError | None:
    """What `error` means for a person; None for a mistake of ours, which may show its traceback."""
    from localcloud.parts import StackError

    if isinstance(error, CommandError):
        return error
    if isinstance(error, StackError):
        return CommandError(Exit.CANNOT_START, str(error))
    return None
