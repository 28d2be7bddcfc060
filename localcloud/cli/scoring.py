"""score: predictions from a batch endpoint."""

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from localcloud.cli import output
from localcloud.cli.options import DEFAULT_HOME, HomeOption, JsonOption
from localcloud.cli.outcome import told
from localcloud.cli.run_commands import client_of

SHOWN_ROWS = 20
SHOWN_COLUMNS = 6


def score(
    endpoint: Annotated[str, typer.Argument(help="A batch endpoint; `show` names that of a run.")],
    file: Annotated[
        Path, typer.Argument(help="A CSV with the model's features.", exists=True, dir_okay=False)
    ],
    deployment: Annotated[
        str, typer.Option("--deployment", help="Another deployment than the default.")
    ] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Score the rows of a CSV on a batch endpoint and show the predictions."""
    with told(as_json=as_json), client_of(home) as client:
        content = file.read_bytes()
        with output.err.status("Scoring …") as spinner:
            scored = client.score(
                endpoint, content, deployment, seen=lambda state: spinner.update(f"Scoring: {state} …")
            )
    rows = sorted(scored.predictions, key=lambda row: int(row[0]) if row[0].isdigit() else 0)
    predictions = [row[1] for row in rows]
    if as_json:
        output.value(
            {
                "endpoint": scored.endpoint,
                "deployment": scored.deployment,
                "job": scored.job,
                "path": scored.path,
                "predictions": predictions,
            }
        )
        return
    header, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    shown = header[:SHOWN_COLUMNS]
    output.out.print(
        output.table(
            ["row>", *shown, "prediction"],
            [
                (str(number), *line[:SHOWN_COLUMNS], prediction)
                for number, (line, prediction) in enumerate(
                    zip(lines[:SHOWN_ROWS], predictions, strict=False), start=1
                )
            ],
        )
    )
    more = len(predictions) - SHOWN_ROWS
    output.say(
        f"{len(predictions)} rows scored by {scored.endpoint}/{scored.deployment};"
        f" {f'{more} more are in' if more > 0 else 'they are in'} {scored.path} of the container."
    )
