"""The application: all commands of the command line."""

import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from itertools import takewhile
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from touchdown.cli import checking, decisions, demo, output, run_commands, scoring, stack_commands
from touchdown.cli.outcome import Exit


class Commands(TyperGroup):
    """The group of commands, which prints wrong usage as JSON too when --json is given."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        call = partial(
            super().main, args, prog_name, complete_var, windows_expand_args=windows_expand_args, **extra
        )
        if not standalone_mode or not asks_for_json(sys.argv[1:] if args is None else args):
            return call(standalone_mode=standalone_mode)
        try:
            code = call(standalone_mode=False)
        except typer.Abort:
            output.print_error("interrupted", "interrupted.", as_json=True)
            sys.exit(Exit.INTERRUPTED)
        except typer.TyperException as error:
            output.print_error("usage", usage_message(error), usage_hint(error), as_json=True)
            sys.exit(Exit.USAGE)
        sys.exit(code or Exit.OK)


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether --json is among the options; arguments after `--` are no options."""
    options = takewhile(lambda argument: argument != "--", arguments)
    return "--json" in options


def usage_message(error: Exception) -> str:
    """What typer found wrong with a command line, without the box around it."""
    return str(getattr(error, "format_message", error.__str__)())


def usage_hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f"See `{context.command_path if context else output.PROGRAM} --help`."


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"touchdown {version('touchdown')}")
        raise typer.Exit


app = typer.Typer(
    name="touchdown",
    cls=Commands,
    epilog="Exit codes: 0 ok, 1 run or job failed, 2 wrong usage, 3 not running, 4 cannot start, 5 refused.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def touchdown(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=print_version, is_eager=True),
    ] = False,
) -> None:
    """Upload a CSV; get a deployed, tested Azure ML batch endpoint."""


for command in (
    stack_commands.up,
    demo.demo,
    run_commands.upload,
    run_commands.start,
    run_commands.runs,
    run_commands.show,
    decisions.approve,
    decisions.reject,
    run_commands.report,
    decisions.cancel,
    scoring.score,
    checking.check,
    stack_commands.status,
    stack_commands.env,
    stack_commands.down,
    stack_commands.reset,
):
    app.command()(command)


def main() -> None:
    app(prog_name="touchdown")
