"""score: predictions from a batch endpoint."""

from pathlib import Path
from typing import Annotated

import typer

from localcloud.cli import output
from localcloud.cli.options import DEFAULT_HOME, HomeOption, JsonOption
from localcloud.cli.outcome import told
from localcloud.cli.run_commands import client_of

SHOWN_ROWS = 20
SHOWN_COLUMNS = 6
SHOWN_ANSWERS = 6


def score(
    endpoint: Annotated[str, typer.Argument(help="A batch endpoint; `show` names that of a run.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV with the model's columns, in any dialect and order; others are ignored.",
            exists=True,
            dir_okay=False,
        ),
    ],
    deployment: Annotated[
        str, typer.Option("--deployment", help="Another deployment than the default.")
    ] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Score the rows of a CSV on a batch endpoint and show the predictions."""
    from localcloud.cli import tables

    with told(as_json=as_json), client_of(home) as client, tables.scorable(file) as rows:
        with output.err.status("Scoring …") as spinner:
            scored = client.score(
                endpoint, rows, deployment, seen=lambda state: spinner.update(f"Scoring: {state} …")
            )
        columns = client.output_columns(scored.endpoint, scored.deployment)
        header, lines = ([], []) if as_json else tables.first_rows(rows, SHOWN_ROWS)
    found = sorted(scored.predictions, key=lambda row: int(row[0]) if row[0].isdigit() else 0)
    if as_json:
        output.value(
            {
                "endpoint": scored.endpoint,
                "deployment": scored.deployment,
                "job": scored.job,
                "path": scored.path,
                "predictions": [row[1] for row in found],
                "columns": columns,
                "rows": [row[1:-1] for row in found],
            }
        )
        return
    output.out.print(
        output.table(
            ["row>", *header[:SHOWN_COLUMNS], *columns[:SHOWN_ANSWERS]],
            [
                (str(number), *line[:SHOWN_COLUMNS], *map(shown, row[1:-1][:SHOWN_ANSWERS]))
                for number, (line, row) in enumerate(zip(lines, found, strict=False), start=1)
            ],
        )
    )
    more = len(found) - SHOWN_ROWS
    output.say(
        f"{len(found)} rows scored by {scored.endpoint}/{scored.deployment};"
        f" {f'{more} more are in' if more > 0 else 'they are in'} {scored.path} of the container."
    )


def shown(cell: str) -> str:
    """A number with as many digits as a person reads; anything else as it is."""
    if "." not in cell:
        return cell
    try:
        return f"{float(cell):.6g}"
    except ValueError:
        return cell
