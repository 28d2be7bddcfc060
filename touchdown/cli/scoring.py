"""score: predictions from a batch endpoint."""

from pathlib import Path
from typing import Annotated

import typer

from touchdown.cli import output
from touchdown.cli.options import HomeOption, JsonOption
from touchdown.cli.outcome import reporting_errors
from touchdown.cli.resolver import connect

PRINTED_ROWS = 20
PRINTED_COLUMNS = 6
PRINTED_ANSWERS = 6


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
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the rows of a CSV on a batch endpoint and show the predictions."""
    from touchdown.cli import scoring_input

    with reporting_errors(as_json=as_json), connect(home) as client, scoring_input.scorable(file) as rows:
        with output.err.status("Scoring …") as spinner:
            scored = client.score(
                endpoint, rows, deployment, on_poll=lambda state: spinner.update(f"Scoring: {state} …")
            )
        header, lines = ([], []) if as_json else scoring_input.first_rows(rows, PRINTED_ROWS)
    found = scored.predictions
    if as_json:
        output.print_json(
            {
                "endpoint": scored.endpoint,
                "deployment": scored.deployment,
                "job": scored.job,
                "path": scored.path,
                "predictions": [row[0] for row in found],
                "columns": scored.columns,
                "rows": found,
            }
        )
        return
    print_predictions(header, lines, scored.columns, found)
    more = len(found) - PRINTED_ROWS
    output.print_message(
        f"{len(found)} rows scored by {scored.endpoint}/{scored.deployment};"
        f" {f'{more} more are in' if more > 0 else 'they are in'} {scored.path} of the container."
    )


def print_predictions(
    header: list[str], lines: list[list[str]], columns: list[str], predictions: list[list[str]]
) -> None:
    """Print the first rows, `lines` under `header`, beside what the model answered for them."""
    output.out.print(
        output.table(
            ["row>", *header[:PRINTED_COLUMNS], *columns[:PRINTED_ANSWERS]],
            [
                (str(number), *line[:PRINTED_COLUMNS], *map(rounded, row[:PRINTED_ANSWERS]))
                for number, (line, row) in enumerate(zip(lines, predictions, strict=False), start=1)
            ],
        )
    )


def rounded(cell: str) -> str:
    """A number in six significant digits; any other cell as it is."""
    if "." not in cell:
        return cell
    try:
        return f"{float(cell):.6g}"
    except ValueError:
        return cell
