"""What to do: a Job, from the command line or from the activity.json that Data Factory leaves."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from refusals import BadInputError
from text import quoted

TASKS = ("", "classification", "regression")
ALGORITHMS = ("linear", "boosting", "auto")
RARE_CLASSES = ("refuse", "merge")


@dataclass(frozen=True)
class Destination:
    """A folder in a container, and how to get at it: by connection string, else by identity."""

    container: str
    prefix: str
    account_url: str = ""
    client_id: str = ""
    connection_string: str = field(default="", repr=False)


@dataclass(frozen=True)
class Job:
    """One training: by hand of a file, on Batch of a blob in the destination's container.

    label "": the last column. task "": as the label decides. max_rmse 0: no limit. tolerance: how much worse
    than the champion the model may be, in points of accuracy or as a share of the champion's RMSE.
    champion: the MLflow model's folder, in the destination's container on Batch, on disk by hand; "": none.
    """

    dataset: str
    label: str
    epochs: int
    lr: float
    destination: Destination | None
    task: str = ""
    algorithm: str = "linear"
    rare_classes: str = "refuse"
    min_accuracy: float = 0.0
    max_rmse: float = 0.0
    tolerance: float = 0.01
    champion: str = ""
    champion_model: str = ""
    run_id: str | None = None
    pipeline_run_id: str | None = None
    etag: str | None = None  # of the blob; None for a file


def parse_epochs(text: object) -> int:
    try:
        number = float(str(text))
        if number.is_integer() and number >= 1:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise BadInputError(f"epochs is {quoted(text)}; give a whole number of at least 1")


def parse_lr(text: object) -> float:
    try:
        number = float(str(text))
        if 0 < number < math.inf:
            return number
    except ValueError:
        pass
    raise BadInputError(f"lr (the learning rate) is {quoted(text)}; give a number above 0, such as 0.1")


def parse_choice(name: str, text: str, *choices: str) -> str:
    if text in choices:
        return text
    raise BadInputError(f"{name} is {quoted(text)}; give one of {', '.join(filter(None, choices))}")


def parse_limit(name: str, text: object, most: float) -> float:
    try:
        number = float(str(text))
        if 0 <= number <= most and number < math.inf:
            return number
    except ValueError:
        pass
    expected = f"a number from 0 to {most:g}" if most < math.inf else "a number of at least 0"
    raise BadInputError(f"{name} is {quoted(text)}; give {expected}")


class Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInputError(f"{self.prog}: {message}; --help lists the arguments")


def job_by_hand(argv: list[str]) -> Job:
    parser = Arguments(
        prog="main.py",
        allow_abbrev=False,
        description="Train a model on a CSV and store it as an MLflow model, with a report.",
        epilog="Without arguments, what to do is read from activity.json, which Data Factory leaves in the "
        "working directory of a Custom activity.",
    )
    parser.add_argument("--iris-csv", "--csv", dest="csv", required=True, metavar="FILE", help="the dataset")
    parser.add_argument("--label", default="", help="the column to predict (default: the last one)")
    parser.add_argument("--epochs", default=50, help="passes over the training rows (default: 50)")
    parser.add_argument("--lr", default=0.1, help="learning rate (default: 0.1)")
    parser.add_argument("--task", default="", help="classification or regression (default: by the label)")
    parser.add_argument("--algorithm", default="linear", help="linear, boosting or auto (default: linear)")
    parser.add_argument(
        "--rare-classes", default="refuse", help="refuse or merge classes of one row (default: refuse)"
    )
    parser.add_argument("--min-accuracy", default=0, help="accuracy below which nothing is deployed")
    parser.add_argument("--max-rmse", default=0, help="RMSE above which nothing is deployed (0: no limit)")
    parser.add_argument("--tolerance", default=0.01, help="how much worse than the champion it may be")
    parser.add_argument("--champion", default="", metavar="FOLDER", help="an MLflow model to compare with")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--connectionString", default="", help="storage account to upload to, by key or SAS")
    where.add_argument("--accountUrl", default="", help="storage account to upload to, by identity")
    parser.add_argument("--containerName", default="", metavar="CONTAINER[/FOLDER]", help="where to upload")
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        # Only names are repeated: what stands behind a misspelt option may be a connection string.
        names = [word.split("=")[0] for word in unknown if word.startswith("-")]
        parser.error(f"unknown argument {quoted(' '.join(names))}" if names else "an unexpected value")
    container, _, folder = given.containerName.strip("/").partition("/")
    if bool(container) != bool(given.connectionString or given.accountUrl):
        parser.error("--containerName goes with one of --connectionString and --accountUrl")
    destination = None
    if container:
        destination = Destination(
            container, folder, account_url=given.accountUrl, connection_string=given.connectionString
        )
    return Job(
        dataset=given.csv,
        label=given.label,
        epochs=parse_epochs(given.epochs),
        lr=parse_lr(given.lr),
        destination=destination,
        task=parse_choice("task", given.task, *TASKS),
        algorithm=parse_choice("algorithm", given.algorithm, *ALGORITHMS),
        rare_classes=parse_choice("rare-classes", given.rare_classes, *RARE_CLASSES),
        min_accuracy=parse_limit("min-accuracy", given.min_accuracy, 1),
        max_rmse=parse_limit("max-rmse", given.max_rmse, math.inf),
        tolerance=parse_limit("tolerance", given.tolerance, 1),
        champion=given.champion,
        champion_model=Path(given.champion).name if given.champion else "",
    )


def job_of_activity(path: Path) -> Job:
    try:
        properties = json.loads(path.read_bytes())["typeProperties"]["extendedProperties"]
        given = {name: str(value) for name, value in properties.items() if value is not None}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInputError(
            "activity.json has no typeProperties.extendedProperties to read the run's parameters from; "
            "publish the pipeline again"
        ) from error

    def required(name: str) -> str:
        if not given.get(name):
            raise BadInputError(
                f"activity.json: extendedProperties has no {name}; publish the pipeline again"
            )
        return given[name]

    return Job(
        dataset=required("dataset"),
        label=given.get("label", ""),
        epochs=parse_epochs(required("epochs")),
        lr=parse_lr(required("lr")),
        destination=Destination(
            container=required("container"),
            prefix=required("outputPrefix").strip("/"),
            account_url=required("accountUrl"),
            client_id=given.get("clientId", ""),
        ),
        # A pipeline that was published before these settings were there sends none of them.
        task=parse_choice("task", given.get("task", ""), *TASKS),
        algorithm=parse_choice("algorithm", given.get("algorithm") or "linear", *ALGORITHMS),
        rare_classes=parse_choice("rareClasses", given.get("rareClasses") or "refuse", *RARE_CLASSES),
        min_accuracy=parse_limit("minAccuracy", given.get("minAccuracy") or 0, 1),
        max_rmse=parse_limit("maxRmse", given.get("maxRmse") or 0, math.inf),
        tolerance=parse_limit("tolerance", given.get("tolerance") or 0.01, 1),
        champion=given.get("champion", "").strip("/"),
        champion_model=given.get("championModel", ""),
        run_id=required("runId"),
        pipeline_run_id=given.get("pipelineRunId"),
        etag=required("etag").strip('"'),
    )


def find_job(argv: list[str]) -> Job:
    """Arguments come first: the lab's own command line runs under Data Factory, beside an activity.json."""
    activity = Path("activity.json")
    if argv:
        return job_by_hand(argv)
    if activity.exists():
        return job_of_activity(activity)
    raise BadInputError(
        "nothing to do: name a dataset with --iris-csv FILE, or start this where Data Factory has left an "
        "activity.json; --help lists the arguments"
    )
