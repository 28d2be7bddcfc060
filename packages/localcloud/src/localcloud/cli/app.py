"""The commands, put together."""

import typer

from localcloud.cli import stack_commands

app = typer.Typer(
    name="localcloud",
    help="A small Azure on this machine.",
    epilog="Exit codes: 0 ok, 1 run or job failed, 2 wrong usage, 3 not running, 4 cannot start, 5 refused.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    stack_commands.up,
    stack_commands.status,
    stack_commands.env,
    stack_commands.down,
    stack_commands.reset,
):
    app.command()(command)


def main() -> None:
    app(prog_name="python -m localcloud")
