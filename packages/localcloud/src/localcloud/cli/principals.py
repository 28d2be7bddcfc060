"""principal: list the persons and programs of a home, and add some, to whom roles can be assigned."""

from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from localcloud.cli import output
from localcloud.cli.options import HomeOption, JsonOption, existing_home
from localcloud.cli.outcome import CommandError, Exit, reporting_errors

if TYPE_CHECKING:
    from localcloud.identities import Principal

TYPES = {"user": "User", "service-principal": "ServicePrincipal"}


def list_principals(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print who signs in to this cloud, with the object ids to which roles are assigned."""
    from localcloud import persons

    with reporting_errors(as_json=as_json):
        found = persons.persons(existing_home(home))
        if as_json:
            output.print_json({"principals": [described(each) for each in found]})
            return
        rows = [(each.name, each.type, each.object_id, each.client_id) for each in found]
        output.out.print(output.table(["name", "type", "object id", "client id"], rows))


def add(
    name: Annotated[str, typer.Argument(help="Name; `localcloud env --as NAME` uses the cloud as it.")],
    type_: Annotated[str, typer.Option("--type", help="user or service-principal.")] = "user",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a person or program, which has no role until one is assigned, and print its object id."""
    from localcloud import persons

    with reporting_errors(as_json=as_json):
        if type_ not in TYPES:
            raise CommandError(Exit.USAGE, f"--type {type_}: user or service-principal is expected.")
        kind = cast("Literal['User', 'ServicePrincipal']", TYPES[type_])
        try:
            made = persons.add_person(existing_home(home), name, kind)
        except ValueError as error:
            raise CommandError(Exit.USAGE, str(error)) from None
        if as_json:
            output.print_json(described(made))
        else:
            print(made.object_id)


def described(principal: "Principal") -> dict[str, str]:
    """A principal as JSON."""
    return {
        "name": principal.name,
        "type": principal.type,
        "objectId": principal.object_id,
        "clientId": principal.client_id,
        "userPrincipalName": principal.user_name,
    }
