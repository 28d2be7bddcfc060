"""The exit codes of commands, and how errors map to them."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import typer

from touchdown.cli import output


class Exit(IntEnum):
    """0 ok, 1 run or job failed, 2 wrong usage, 3 not running, 4 cannot start, 5 refused, 130 interrupted."""

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


START_HINT = f"Start it with `{output.PROGRAM} up`."


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what it has begun is cleaned up.

    By default, SIGTERM ends Python at once. Signals reach the main thread only.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def reporting_errors(
    *, as_json: bool, if_interrupted: str = "", beside: Callable[[], dict[str, Any]] = dict
) -> Iterator[None]:
    """Print an error of the block for a person or a program, and end the command with its exit code.

    SIGTERM ends it as Ctrl-C does; if_interrupted: what to do then. beside: what a program gets beside the
    error. An error that is a bug of Touchdown propagates, with its traceback.
    """
    try:
        with terminable():
            yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        output.print_error("interrupted", "interrupted.", if_interrupted, as_json=as_json, beside=beside())
        raise typer.Exit(Exit.INTERRUPTED) from None
    except Exception as error:
        known = known_error(error)
        if known is None:
            raise
        code = known.code.name.lower()
        output.print_error(code, str(known), known.hint, as_json=as_json, beside=beside())
        raise typer.Exit(known.code) from None


def known_error(error: Exception) -> CommandError | None:
    """Translate `error` for a person; None if it is a bug of Touchdown."""
    from runs.errors import RefusedError

    if isinstance(error, CommandError):
        return error
    if isinstance(error, RefusedError):
        return CommandError(Exit.USAGE, str(error))
    return local_error(error) or client_error(error)


def local_error(error: Exception) -> CommandError | None:
    """Translate `error` for a person if localcloud raised it."""
    # localcloud may not be installed, and a command that has not imported it cannot get its errors.
    parts = sys.modules.get("localcloud.parts")
    if parts and isinstance(error, parts.StackError):
        return CommandError(Exit.CANNOT_START, str(error), getattr(error, "hint", ""))
    deploying = sys.modules.get("localcloud.deploying")
    if deploying and isinstance(error, deploying.DeploymentFailedError):
        hint = f"What was made stays. When the reason is mended, go on with `{output.PROGRAM} up`."
        return CommandError(Exit.CANNOT_START, str(error), hint)
    controls = sys.modules.get("localcloud.controls")
    if controls and isinstance(error, controls.NotRunningError):
        return CommandError(Exit.NOT_RUNNING, f"the stack does not answer: {error}", START_HINT)
    if controls and isinstance(error, controls.ControlsError):
        return CommandError(Exit.FAILED, str(error))
    return None


def client_error(error: Exception) -> CommandError | None:
    """Translate `error` for a person if the client or one of its libraries raised it."""
    import httpx
    from azure.core.exceptions import AzureError, ServiceRequestError

    from runs import missing_roles
    from touchdown.errors import ApiError, ClientError, NotFoundError, StackNotRunningError

    if isinstance(error, StackNotRunningError | ServiceRequestError | httpx.ConnectError):
        return CommandError(Exit.NOT_RUNNING, f"the stack does not answer: {error}", START_HINT)
    if isinstance(error, ApiError):
        return CommandError(exit_of_status(error.status), str(error))
    if isinstance(error, NotFoundError):
        return CommandError(Exit.REFUSED, str(error))
    if isinstance(error, ClientError | AzureError | httpx.HTTPError):
        said = str(error) or type(error).__name__
        return CommandError(Exit.FAILED, said, missing_roles.of_person(said))
    return None


def exit_of_status(status: int) -> Exit:
    """The exit code of a command that got this HTTP status."""
    if status == 400:
        return Exit.USAGE
    return Exit.REFUSED if status < 500 else Exit.FAILED
