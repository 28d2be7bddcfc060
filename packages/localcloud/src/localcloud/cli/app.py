"""The application: all commands of the command line."""

import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from itertools import takewhile
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from localcloud.cli import commands, faults, output, principals
from localcloud.cli.deploy import deploy
from localcloud.cli.outcome import Exit
from localcloud.cli.publish import publish


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
            output.print_error("usage", error.format_message(), as_json=True)
            sys.exit(Exit.USAGE)
        sys.exit(code or Exit.OK)


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether --json is among the options; arguments after `--` are no options."""
    return "--json" in takewhile(lambda argument: argument != "--", arguments)


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"localcloud {version('localcloud')}")
        raise typer.Exit


HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="localcloud",
    cls=Commands,
    epilog="Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not running, 4 cannot start, 5 refused.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
)


@app.callback()
def localcloud(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=print_version, is_eager=True),
    ] = False,
) -> None:
    """A small Azure on this machine."""


for command in (
    *(commands.up, commands.status, commands.env, deploy, publish),
    *(commands.down, commands.reset),
):
    app.command()(command)

fault_commands = typer.Typer(
    help="List, arm and disarm faults: errors that the cloud makes on purpose.",
    no_args_is_help=True,
    context_settings=HELP,
)
fault_commands.command("list")(faults.list_faults)
fault_commands.command("arm")(faults.arm)
fault_commands.command("disarm")(faults.disarm)
app.add_typer(fault_commands, name="faults")

principal_commands = typer.Typer(
    help="List and add persons and programs, to whom roles can be assigned.",
    no_args_is_help=True,
    context_settings=HELP,
)
principal_commands.command("list")(principals.list_principals)
principal_commands.command("add")(principals.add)
app.add_typer(principal_commands, name="principal")


def main() -> None:
    app(prog_name="localcloud")
