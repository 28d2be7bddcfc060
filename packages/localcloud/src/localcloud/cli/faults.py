"""faults: list, arm and disarm the faults of a cloud. localcloud.faults describes them."""

import json
from typing import Annotated, Any

import typer

from localcloud.cli import output
from localcloud.cli.options import HomeOption, JsonOption, existing_home
from localcloud.cli.outcome import CommandError, Exit, reporting_errors


def list_faults(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the armed faults, and how often each has occurred."""
    from localcloud.controls import Controls

    with reporting_errors(as_json=as_json), Controls(existing_home(home)) as controls:
        found = controls.faults()
        if as_json:
            output.print_json({"faults": found})
            return
        rows = [
            (
                str(each["id"]),
                str(each["point"]),
                str(each["action"]),
                " ".join(f"{name}={value}" for name, value in each["where"].items()),
                str(each["taken"]),
            )
            for each in found
        ]
        output.out.print(output.table(["id", "point", "action", "where", "taken>"], rows))


def arm(
    point: Annotated[str, typer.Argument(help="Where the fault occurs, such as http or batch.task.")],
    action: Annotated[str, typer.Argument(help="What happens: error, delay, drop, lost, repeat.")],
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="NAME=PATTERN", help="Only if a field matches a regular expression."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="A detail of the fault, such as times=2, status=503 or seconds=4.",
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Arm a fault and print its id."""
    from localcloud.controls import Controls

    with reporting_errors(as_json=as_json), Controls(existing_home(home)) as controls:
        how = {name: parsed(value) for name, value in pairs("--option", option).items()}
        fault = controls.arm_fault(point, action, pairs("--where", where), **how)
        if as_json:
            output.print_json(fault)
        else:
            print(fault["id"])


def disarm(
    fault: Annotated[str, typer.Argument(help="Id of the fault. Default: all faults.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Disarm one fault, or all of them."""
    from localcloud.controls import Controls

    with reporting_errors(as_json=as_json), Controls(existing_home(home)) as controls:
        controls.disarm(fault)
        if as_json:
            output.print_json({"disarmed": fault or "all"})
        else:
            output.print_message(f"disarmed {fault or 'all'}.")


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """Parse the values NAME=VALUE of an option. Raises CommandError."""
    found = {}
    for each in given or []:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise CommandError(Exit.USAGE, f"{option} {each}: NAME=VALUE is expected.")
        found[name] = value
    return found


def parsed(value: str) -> Any:
    """Parse a number, truth value or null in JSON; anything else is text."""
    try:
        return json.loads(value)
    except ValueError:
        return value
