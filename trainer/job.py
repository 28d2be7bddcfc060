"""What to do: a TrainingJob, from the command line or from the activity.json that Data Factory leaves."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from budget import DEFAULT_BUDGET
from dialect_zip import LIMITS, Limits
from refusals import BadInputError
from text import quoted

TASKS = ("", "classification", "regression")
ALGORITHMS = ("linear", "boosting", "auto")
RARE_CLASSES = ("refuse", "merge")
CLASS_WEIGHTS = ("equal", "balanced")
LONGEST_ACTIVITY = 1 << 20
"""Bytes of an activity.json that are read; Data Factory writes a few thousand."""
DEFAULT_EPOCHS, DEFAULT_LR = 50, 0.1


@dataclass(frozen=True)
class Destination:
    """A folder in a container, accessed with the connection string if there is one, otherwise by identity."""

    container: str
    prefix: str
    account_url: str = ""
    client_id: str = ""
    connection_string: str = field(default="", repr=False)


@dataclass(frozen=True)
class TrainingJob:
    """One training: of a file, if started by hand, or of a blob in the destination's container, on Batch.

    label: "" for the last column. task: "" for the one that the label's cells suggest. max_rmse: 0 for no
    limit. tolerance: how much worse than the champion the model may be, in points of accuracy or as a share
    of the champion's RMSE. champion: the folder of its MLflow model, in the destination's container on Batch,
    on disk by hand; "" for none. champion_digest: what the digest of its files has to be, on Batch.
    training_budget: units of work that the algorithm auto may take. max_rows: the most rows that a dataset
    may have; 0 for no limit. limits: of its text if it is compressed. etag: of the blob; None for a file.
    """

    dataset: str
    label: str
    epochs: int
    lr: float
    destination: Destination | None
    task: str = ""
    algorithm: str = "linear"
    training_budget: float = DEFAULT_BUDGET
    rare_classes: str = "refuse"
    class_weights: str = "equal"
    min_accuracy: float = 0.0
    max_rmse: float = 0.0
    tolerance: float = 0.01
    champion: str = ""
    champion_model: str = ""
    champion_digest: str = ""
    max_rows: int = 0
    limits: Limits = LIMITS
    run_id: str | None = None
    pipeline_run_id: str | None = None
    etag: str | None = None


def find_job(argv: list[str]) -> TrainingJob:
    """The job that the arguments describe, or activity.json if there are none. Raises BadInputError.

    Arguments take precedence, because Data Factory writes an activity.json beside the lab's command line too.
    """
    activity = Path("activity.json")
    if argv:
        return job_by_hand(argv)
    if activity.exists():
        return job_of_activity(activity)
    raise BadInputError(
        "nothing to do: name a dataset with --iris-csv FILE, or start this where Data Factory has left an "
        "activity.json; --help lists the arguments"
    )


# --- Values -------------------------------------------------------------------------------------------


def parse_epochs(text: object) -> int:
    try:
        number = float(str(text))
        if number.is_integer() and number >= 1:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise BadInputError(f"epochs is {quoted(text)}; give a whole number of at least 1")


def parse_lr(text: object) -> float:
    return parse_above_zero("lr (the learning rate)", text, such_as=0.1)


def parse_above_zero(name: str, text: object, such_as: float) -> float:
    try:
        number = float(str(text))
        if 0 < number < math.inf:
            return number
    except ValueError:
        pass
    raise BadInputError(f"{name} is {quoted(text)}; give a number above 0, such as {such_as:g}")


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


def parse_rows(name: str, text: object) -> int:
    if re.fullmatch(r"[0-9]{1,18}", str(text)):
        return int(str(text))
    raise BadInputError(f"{name} is {quoted(text)}; give a whole number of rows, or 0 for no limit")


def parse_size(name: str, text: object) -> int:
    with contextlib.suppress(ValueError):
        if 1 <= (number := int(str(text)[:20])) <= 10**9:
            return number
    raise BadInputError(f"{name} is {quoted(text)}; give a whole number of at least 1")


def parse_budget(name: str, text: object) -> float:
    return parse_above_zero(name, text, such_as=DEFAULT_BUDGET)


# --- The command line ---------------------------------------------------------------------------------


class ArgumentParser(argparse.ArgumentParser):
    """Raises BadInputError for arguments that it does not accept."""

    def error(self, message: str) -> NoReturn:
        raise BadInputError(f"{self.prog}: {message}; --help lists the arguments")


def job_by_hand(argv: list[str]) -> TrainingJob:
    """The job that command-line arguments describe. Raises BadInputError."""
    given = _parsed(_argument_parser(), argv)
    return TrainingJob(
        dataset=given.csv,
        label=given.label,
        epochs=parse_epochs(given.epochs),
        lr=parse_lr(given.lr),
        destination=_destination(given),
        task=parse_choice("task", given.task, *TASKS),
        algorithm=parse_choice("algorithm", given.algorithm, *ALGORITHMS),
        training_budget=parse_budget("training-budget", given.training_budget),
        rare_classes=parse_choice("rare-classes", given.rare_classes, *RARE_CLASSES),
        class_weights=parse_choice("class-weights", given.class_weights, *CLASS_WEIGHTS),
        min_accuracy=parse_limit("min-accuracy", given.min_accuracy, 1),
        max_rmse=parse_limit("max-rmse", given.max_rmse, math.inf),
        tolerance=parse_limit("tolerance", given.tolerance, 1),
        champion=given.champion,
        champion_model=Path(given.champion).name if given.champion else "",
        max_rows=parse_rows("max-rows", given.max_rows),
        limits=Limits(
            parse_size("max-text-mib", given.max_text_mib) << 20,
            parse_size("max-compression-ratio", given.max_compression_ratio),
        ),
    )


def _argument_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="main.py",
        allow_abbrev=False,
        description="Train a model on a CSV and store it as an MLflow model, with a report.",
        epilog="Without arguments, the job is read from activity.json, which Data Factory leaves in the "
        "working directory of a Custom activity.",
    )
    parser.add_argument("--iris-csv", "--csv", dest="csv", required=True, metavar="FILE", help="the dataset")
    parser.add_argument("--label", default="", help="the column to predict (default: the last one)")
    parser.add_argument(
        "--epochs", default=DEFAULT_EPOCHS, help="passes over the training rows (default: 50)"
    )
    parser.add_argument("--lr", default=DEFAULT_LR, help="learning rate (default: 0.1)")
    parser.add_argument("--task", default="", help="classification or regression (default: by the label)")
    parser.add_argument("--algorithm", default="linear", help="linear, boosting or auto (default: linear)")
    parser.add_argument(
        "--training-budget",
        default=DEFAULT_BUDGET,
        help=f"work that auto may take, about seconds of one core (default: {DEFAULT_BUDGET:g})",
    )
    parser.add_argument(
        "--rare-classes", default="refuse", help="refuse or merge classes of one row (default: refuse)"
    )
    parser.add_argument(
        "--class-weights",
        default="equal",
        help="how much rows count by class: equal, or balanced by its frequency (default: equal)",
    )
    parser.add_argument("--min-accuracy", default=0, help="the least accuracy that a deployed model has")
    parser.add_argument(
        "--max-rmse", default=0, help="the largest RMSE that a deployed model has (0: no limit)"
    )
    parser.add_argument("--tolerance", default=0.01, help="how much worse than the champion it may be")
    parser.add_argument("--champion", default="", metavar="FOLDER", help="an MLflow model to compare with")
    parser.add_argument("--max-rows", default=0, help="the most rows that the dataset may have (0: no limit)")
    parser.add_argument(
        "--max-text-mib", default=LIMITS.text >> 20, help="the most text of a compressed dataset, in MiB"
    )
    parser.add_argument(
        "--max-compression-ratio",
        default=LIMITS.ratio,
        help="how many times as long as a compressed dataset its text may be, beyond its first 64 MiB",
    )
    account = parser.add_mutually_exclusive_group()
    account.add_argument("--connectionString", default="", help="storage account to upload to, by key or SAS")
    account.add_argument("--accountUrl", default="", help="storage account to upload to, by identity")
    parser.add_argument(
        "--containerName", default="", metavar="CONTAINER[/FOLDER]", help="where to upload the model"
    )
    return parser


def _parsed(parser: ArgumentParser, argv: list[str]) -> argparse.Namespace:
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        # Only names are repeated: the value of a misspelt option may be a connection string.
        names = [word.split("=")[0] for word in unknown if word.startswith("-")]
        parser.error(f"unknown argument {quoted(' '.join(names))}" if names else "an unexpected value")
    if bool(given.containerName.strip("/")) != bool(given.connectionString or given.accountUrl):
        parser.error("--containerName goes with one of --connectionString and --accountUrl")
    return given


def _destination(given: argparse.Namespace) -> Destination | None:
    container, _, folder = given.containerName.strip("/").partition("/")
    if not container:
        return None
    return Destination(
        container, folder, account_url=given.accountUrl, connection_string=given.connectionString
    )


# --- activity.json ------------------------------------------------------------------------------------


def job_of_activity(path: Path) -> TrainingJob:
    """The job that the extended properties of a Custom activity describe. Raises BadInputError."""
    properties = _extended_properties(path)

    def required(name: str) -> str:
        if not properties.get(name):
            raise BadInputError(
                f"activity.json: extendedProperties has no {name}; publish the pipeline again"
            )
        return properties[name]

    return TrainingJob(
        dataset=required("dataset"),
        label=properties.get("label", ""),
        epochs=parse_epochs(required("epochs")),
        lr=parse_lr(required("lr")),
        destination=Destination(
            container=required("container"),
            prefix=required("outputPrefix").strip("/"),
            account_url=required("accountUrl"),
            client_id=properties.get("clientId", ""),
        ),
        task=parse_choice("task", properties.get("task", ""), *TASKS),
        algorithm=parse_choice("algorithm", required("algorithm"), *ALGORITHMS),
        training_budget=parse_budget("trainingBudget", required("trainingBudget")),
        rare_classes=parse_choice("rareClasses", required("rareClasses"), *RARE_CLASSES),
        class_weights=parse_choice("classWeights", required("classWeights"), *CLASS_WEIGHTS),
        min_accuracy=parse_limit("minAccuracy", required("minAccuracy"), 1),
        max_rmse=parse_limit("maxRmse", required("maxRmse"), math.inf),
        tolerance=parse_limit("tolerance", required("tolerance"), 1),
        champion=properties.get("champion", "").strip("/"),
        champion_model=properties.get("championModel", ""),
        champion_digest=properties.get("championDigest", ""),
        max_rows=parse_rows("maxRows", required("maxRows")),
        limits=Limits(
            parse_size("maxTextMib", required("maxTextMib")) << 20,
            parse_size("maxCompressionRatio", required("maxCompressionRatio")),
        ),
        run_id=required("runId"),
        pipeline_run_id=properties.get("pipelineRunId"),
        etag=required("etag").strip('"'),
    )


def _extended_properties(path: Path) -> dict[str, str]:
    """Every property that has a value, as text: Data Factory sends numbers as numbers or as texts."""
    try:
        with path.open("rb") as file:
            # What is cut off is no JSON. Other nodes can write to the container that it has passed through.
            properties = json.loads(file.read(LONGEST_ACTIVITY))["typeProperties"]["extendedProperties"]
        return {name: str(value) for name, value in properties.items() if value is not None}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(
            f"activity.json has no typeProperties.extendedProperties in its first {LONGEST_ACTIVITY:,} bytes"
            " to read the run's parameters from; publish the pipeline again"
        ) from error
