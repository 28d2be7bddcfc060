"""deploy: a snapshot of a template, as `bicep snapshot` wrote it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from localcloud.cli import output
from localcloud.cli.options import HomeOption, JsonOption, existing_home
from localcloud.cli.outcome import CommandError, Exit, reporting_errors

HINT = "What was made stays. Correct the cause, then deploy again."


def deploy(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="What `bicep snapshot` wrote."),
    ],
    resource_group: Annotated[
        str | None,
        typer.Option(
            "--resource-group", "-g", help="Deploy to this resource group. Default: the subscription."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Name of the deployment. Default: from the file's.")
    ] = None,
    location: Annotated[
        str | None,
        typer.Option("--location", "-l", help="Where a subscription keeps the deployment's record."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deploy a template that was evaluated before, as the person; no compiler is needed."""
    from localcloud import deploying
    from localcloud.home import REGION

    with reporting_errors(as_json=as_json):
        place = existing_home(home)
        try:
            ended = deploying.deploy(
                place,
                read(file),
                name=name or file.name.partition(".")[0],
                location=location or REGION,
                group=resource_group,
                seen=(lambda _: None) if as_json else print_operation,
            )
        except deploying.DeploymentFailedError as error:
            raise CommandError(Exit.FAILED, str(error), HINT) from None
        if as_json:
            output.print_json(ended)
        else:
            output.print_message(f"deployed {len(ended['outputResources'])} resources.")


def read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CommandError(Exit.USAGE, f"{file} is no JSON: {error}.") from None


def print_operation(operation: dict[str, Any]) -> None:
    properties = operation["properties"]
    target = properties["targetResource"]
    state = "made" if properties["provisioningState"] == "Succeeded" else "REFUSED"
    output.out.print(f"{state:7} {target['resourceType']} {target['resourceName']}", markup=False)
