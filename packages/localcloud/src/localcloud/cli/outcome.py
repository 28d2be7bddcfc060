"""The exit codes of commands, and how errors map to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from localcloud.cli import output


class Exit(IntEnum):
    """0 ok, 1 failed, 2 wrong usage, 3 not running, 4 cannot start, 5 refused, 130 Ctrl-C."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    CANNOT_START = 4
    REFUSED = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot continue. The message says why; hint says what to try."""

    def __init__(self, code: Exit, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def start_hint(program: str) -> str:
    """What to do when the stack does not run, for a person who uses `program`."""
    return f"Start it with `{program} up`."


START_HINT = start_hint("localcloud")


@contextmanager
def reporting_errors(*, as_json: bool, if_interrupted: str = "") -> Iterator[None]:
    """Print an error of the block for a person or a program, and end the command with its exit code.

    if_interrupted: what to do after a Ctrl-C. An error that is a bug of localcloud propagates, with its
    traceback.
    """
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        output.print_error("interrupted", "interrupted.", if_interrupted, as_json=as_json)
        raise typer.Exit(Exit.INTERRUPTED) from None
    except Exception as error:
        known = known_error(error)
        if known is None:
            raise
        output.print_error(known.code.name.lower(), str(known), known.hint, as_json=as_json)
        raise typer.Exit(known.code) from None


def known_error(error: Exception) -> CommandError | None:
    """Translate `error` for a person; None if it is a bug of localcloud."""
    import httpx

    from localcloud.controls import ControlsError, NotRunningError, RefusedControlError
    from localcloud.parts import StackError
    from localcloud.spec import SpecError

    if isinstance(error, CommandError):
        return error
    if isinstance(error, SpecError):
        return CommandError(Exit.USAGE, str(error))
    if isinstance(error, StackError):
        return CommandError(Exit.CANNOT_START, str(error), getattr(error, "hint", ""))
    if isinstance(error, NotRunningError | httpx.ConnectError):
        return CommandError(Exit.NOT_RUNNING, f"the cloud does not answer: {error}", START_HINT)
    if isinstance(error, RefusedControlError):
        code = Exit.USAGE if error.status == httpx.codes.BAD_REQUEST else Exit.REFUSED
        return CommandError(code, str(error))
    if isinstance(error, ControlsError | httpx.HTTPError):
        return CommandError(Exit.FAILED, str(error) or type(error).__name__)
    return None
