"""Train a classifier on one CSV and leave it in Blob Storage as an MLflow model.

By hand:   python main.py --iris-csv iris_csv.csv --epochs 50 --lr 0.1 \\
               --connectionString "..." --containerName "<container>/datasets"
On Batch:  python main.py      (Data Factory has put an activity.json into the working directory)

One file, because that is what the lab uploads, and because Data Factory flattens a folder of code on
its way to the node. It imports nothing of the app. NumPy, scikit-learn, MLflow and the Azure SDK are
imported inside the functions that need them: a dataset is read with the standard library, so a bad one is
refused within a fraction of a second instead of after the seconds that those imports take.

The file reads from the outside in: refusals, what to do (a Job), storage, the dataset (a Table),
training, MLflow, and `main`, which is the story.

Exit codes: 0 trained; 2 the dataset, an argument or a hyperparameter is bad; 3 the dataset was
replaced after the run was started; 1 anything else.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gc
import hashlib
import io
import json
import logging
import math
import mimetypes
import re
import sys
import time
import traceback
import warnings
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy as np
    from azure.storage.blob import ContainerClient
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from sklearn.pipeline import Pipeline

SEED = 42
HOLDOUT = 0.2
EXPERIMENT_ID = "0"  # MLflow's default experiment, which a file store always has
MLMODEL = "artifacts/model/MLmodel"
CHUNK_BYTES = 4 * 1024 * 1024
LARGEST_NUMBER = 1e100  # its square, which scaling needs, is still far from overflow
SECONDS_BETWEEN_LINES = 1.0
MOST_CLASSES = 1000  # each is a classifier of its own, and the confusion matrix has their square
MOST_ANNOTATED_CLASSES = 25
# What pandas.read_csv reads as missing, so that the trainer and the scoring of a deployed model agree.
MISSING = frozenset(
    {"", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-NaN", "-nan"}
) | {"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN"}


# --- Refusals: one line on stderr and an exit code, never a bare traceback ---------------------------


class Refused(Exception):
    """The run cannot go on, for a reason that its one-line message names."""

    exit_code = 1


class BadInput(Refused):
    """The dataset, an argument or a hyperparameter is one that nothing can be trained with."""

    exit_code = 2


class DatasetReplaced(Refused):
    """The blob is no longer the upload that this run was started for."""

    exit_code = 3


def shown(text: str) -> str:
    """What came from outside, as it can stand in a one-line message: short and printable."""
    short = text if len(text) <= 100 else text[:97] + "..."
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)


def quoted(text: str) -> str:
    return f'"{shown(text)}"'


def without_secrets(text: str) -> str:
    return re.sub(r"(?i)\b(AccountKey|SharedAccessSignature|sig)=[^;&\s'\"]+", r"\1=(hidden)", text)


# --- What to do: a Job, from the command line or from activity.json ----------------------------------


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
    """One training: by hand of a file, on Batch of a blob in the destination's container."""

    dataset: str
    label: str  # "" means the last column
    epochs: int
    lr: float
    destination: Destination | None
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
    raise BadInput(f"epochs is {quoted(str(text))}; give a whole number of at least 1")


def parse_lr(text: object) -> float:
    try:
        number = float(str(text))
        if 0 < number < math.inf:
            return number
    except ValueError:
        pass
    raise BadInput(f"lr (the learning rate) is {quoted(str(text))}; give a number above 0, such as 0.1")


class Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{self.prog}: {message}; --help lists the arguments")


def job_by_hand(argv: list[str]) -> Job:
    parser = Arguments(
        prog="main.py",
        allow_abbrev=False,
        description="Train a classifier on a CSV whose columns are numbers, but for the label, and store "
        "it as an MLflow model.",
        epilog="Without arguments, what to do is read from activity.json, which Data Factory leaves in the "
        "working directory of a Custom activity.",
    )
    parser.add_argument("--iris-csv", "--csv", dest="csv", required=True, metavar="FILE", help="the dataset")
    parser.add_argument("--label", default="", help="the column to predict (default: the last one)")
    parser.add_argument("--epochs", default=50, help="passes over the training rows (default: 50)")
    parser.add_argument("--lr", default=0.1, help="learning rate (default: 0.1)")
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
    return Job(given.csv, given.label, parse_epochs(given.epochs), parse_lr(given.lr), destination)


def job_of_activity(path: Path) -> Job:
    try:
        properties = json.loads(path.read_bytes())["typeProperties"]["extendedProperties"]
        given = {name: str(value) for name, value in properties.items() if value is not None}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInput(
            "activity.json has no typeProperties.extendedProperties to read the run's parameters from; "
            "publish the pipeline again"
        ) from error

    def required(name: str) -> str:
        if not given.get(name):
            raise BadInput(f"activity.json: extendedProperties has no {name}; publish the pipeline again")
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
    raise BadInput(
        "nothing to do: name a dataset with --iris-csv FILE, or start this where Data Factory has left an "
        "activity.json; --help lists the arguments"
    )


# --- Storage -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what storage or the identity refuses into one line that says what was being done."""
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ResourceModifiedError,
        ServiceRequestError,
        ServiceResponseError,
    )

    try:
        yield
    except ResourceModifiedError:
        raise
    except HttpResponseError as error:
        code = getattr(error, "error_code", None)
        message = without_secrets(" ".join(str(error.message).split()))
        if isinstance(error, ClientAuthenticationError) and code is None:
            reason = f"signing in to storage failed: {message}"
        elif error.status_code in (401, 403):
            reason = (
                f"storage refused it ({error.status_code} {code}); the identity needs the role Storage Blob "
                "Data Contributor on the container, a connection string a valid key"
            )
        elif error.status_code == 404:
            reason = f"it is not there (404 {code}); check account, container and path"
        else:
            reason = f"storage answered {error.status_code} {code}: {message}"
        raise Refused(f"cannot {doing}: {reason}") from error
    except (ServiceRequestError, ServiceResponseError) as error:
        # The address in it may end with a SAS.
        reason = without_secrets(" ".join(re.sub(r"\?\S*", "", str(error)).split()))
        raise Refused(f"cannot {doing}: the storage account does not answer: {reason}") from error


def open_container(to: Destination) -> ContainerClient:
    from azure.storage.blob import BlobServiceClient

    # Small first and later ranges: a dataset of any size passes through these few megabytes.
    ranges: dict[str, Any] = {"max_single_get_size": CHUNK_BYTES, "max_chunk_get_size": CHUNK_BYTES}
    try:
        if to.connection_string:
            service = BlobServiceClient.from_connection_string(to.connection_string, **ranges)
        else:
            from azure.identity import DefaultAzureCredential

            credential = DefaultAzureCredential(managed_identity_client_id=to.client_id or None)
            service = BlobServiceClient(to.account_url, credential=credential, **ranges)
        return service.get_container_client(to.container)
    except ValueError as error:
        raise BadInput(
            "the connection string is malformed; copy it again from the storage account's access keys"
            if to.connection_string
            else f"{quoted(to.account_url)} is no account URL; give one like https://<account>.blob.core.windows.net"
        ) from error


@contextlib.contextmanager
def blob_chunks(container: ContainerClient, job: Job) -> Iterator[Iterator[bytes]]:
    """The dataset's bytes in chunks, all of them from the one upload that the run was started for."""
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceModifiedError

    blob = container.get_blob_client(job.dataset)
    with storage_errors(f"read dataset {shown(job.dataset)} from container {container.container_name}"):
        try:
            download = blob.download_blob(etag=f'"{job.etag}"', match_condition=MatchConditions.IfNotModified)
            yield download.chunks()
        except ResourceModifiedError as error:
            now = str(blob.get_blob_properties().etag).strip('"')
            raise DatasetReplaced(
                f"dataset {shown(job.dataset)} was replaced after this run was started "
                f"(etag {job.etag}, now {now}); the newer upload has its own run"
            ) from error


@contextlib.contextmanager
def file_chunks(path: str) -> Iterator[Iterator[bytes]]:
    try:
        with Path(path).open("rb") as file:
            yield iter(lambda: file.read(CHUNK_BYTES), b"")
    except OSError as error:
        raise BadInput(f"dataset {shown(path)} cannot be read: {error.strerror}; check the path") from error


def upload_run(container: ContainerClient, folder: Path, prefix: str) -> None:
    """Upload an MLflow run; MLmodel goes last, so that its BlobCreated event means "complete"."""
    from azure.storage.blob import ContentSettings

    def put(path: Path) -> None:
        name = str(PurePosixPath(prefix, path.relative_to(folder).as_posix()))
        settings = ContentSettings(content_type=mimetypes.guess_type(name)[0] or "application/octet-stream")
        with path.open("rb") as data:
            container.upload_blob(name, data, overwrite=True, content_settings=settings)

    last = folder / MLMODEL
    with storage_errors(f"upload {folder} to {container.container_name}/{prefix}"):
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(put, (path for path in folder.rglob("*") if path.is_file() and path != last)))
        put(last)


def finished_earlier(container: ContainerClient, prefix: str) -> dict[str, Any] | None:
    """The metrics that an earlier attempt at this run left, when it got as far as MLmodel.

    Batch runs a task again from the beginning when its node is taken away, and one run has one model.
    """
    with storage_errors(f"look for earlier results in {container.container_name}/{prefix}"):
        for name in container.list_blob_names(name_starts_with=f"{prefix}/"):
            if name.endswith(f"/{MLMODEL}"):
                metrics = name.removesuffix("model/MLmodel") + "metrics.json"
                return json.loads(container.download_blob(metrics).readall())
    return None


# --- The dataset: a Table, read and checked with the standard library --------------------------------


class Chunks(io.RawIOBase):
    """Chunks of bytes as one stream, hashed on the way past, so that nothing is kept and read twice."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self.sha256.update(chunk)
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


@dataclass
class Table:
    """The numbers of a CSV: finite features, and for each row the index of its class."""

    features: list[str]
    label: str
    classes: list[str]  # sorted, as scikit-learn sorts them
    values: np.ndarray  # float64 of shape (n_rows, n_features)
    codes: np.ndarray  # of shape (n_rows,), indices into classes
    digest: str


class TableBuilder:
    """Collects the rows of one CSV as packed numbers and refuses the first one that is not right.

    Rows are counted as a text editor counts lines, so the header is row 1.
    """

    def __init__(self, name: str, header: list[str], label: str) -> None:
        self.name = name
        self.values = array("d")
        self.codes = array("i")
        self.codes_of: dict[str, int] = {}
        self.first_rows: list[int] = []
        self._check_header(header)
        self.width = len(header)
        self.label = label or header[-1]
        if self.label not in header:
            found = ", ".join(map(quoted, header[:20])) + (", ..." if len(header) > 20 else "")
            self._refuse(
                f"label column {quoted(self.label)} is not in the header (found: {found}); "
                "rename it or name another label"
            )
        self.position = header.index(self.label)
        self.features = [column for column in header if column != self.label]

    def _refuse(self, what: str) -> NoReturn:
        raise BadInput(f"dataset {shown(self.name)}: {what}")

    def _check_header(self, header: list[str]) -> None:
        if any(ord(c) < 32 and c not in "\t\r\n" for column in header for c in column):
            self._refuse("row 1 holds control characters, so this is no CSV; export the data as CSV (UTF-8)")
        if len(header) == 1:
            self._refuse(
                f"there is only the column {quoted(header[0])}; separate the columns by commas, "
                "at least one feature and the label"
            )
        seen: dict[str, int] = {}
        for number, column in enumerate(header, start=1):
            if not column.strip():
                self._refuse(f"column {number} has no name in row 1; name it or remove it")
            if column in seen:
                self._refuse(
                    f"column name {quoted(column)} stands twice in row 1 "
                    f"(columns {seen[column]} and {number}); rename one of them"
                )
            seen[column] = number

    def add(self, cells: list[str], row: int) -> None:
        if len(cells) != self.width:
            self._refuse(
                f"row {row} has {len(cells)} cells where the header has {self.width} columns; "
                "complete the row or remove it"
            )
        label = cells.pop(self.position).strip()
        if label in MISSING:
            self._refuse(
                f"column {quoted(self.label)}, row {row}: the label is missing ({quoted(label)}); "
                "fill it in or remove the row"
            )
        self.values.extend(self._numbers(cells, row))
        code = self.codes_of.setdefault(label, len(self.first_rows))
        if code == len(self.first_rows):
            self.first_rows.append(row)
            if len(self.first_rows) > MOST_CLASSES:
                self._refuse(
                    f"column {quoted(self.label)} has more than {MOST_CLASSES} classes by row {row}, "
                    "too many to tell apart; name another label"
                )
        self.codes.append(code)

    def _numbers(self, cells: list[str], row: int) -> array[float]:
        # float() takes more than a CSV reader does ("1_000", other scripts' digits, "nan"): a row that may
        # hold any of that is looked at cell by cell.
        text = "".join(cells)
        if text.isascii() and "_" not in text:
            with contextlib.suppress(ValueError):
                numbers = array("d", map(float, cells))
                if sum(map(abs, numbers)) < LARGEST_NUMBER:
                    return numbers
        return array("d", (self._number(*cell, row) for cell in zip(self.features, cells, strict=True)))

    def _number(self, column: str, cell: str, row: int) -> float:
        where = f"column {quoted(column)}, row {row}"
        if cell.strip() in MISSING:
            self._refuse(
                f"{where}: the value is missing ({quoted(cell)}); fill it in, or remove the row or column"
            )
        number = math.nan
        if cell.isascii() and "_" not in cell:
            with contextlib.suppress(ValueError):
                number = float(cell)
        if math.isnan(number):
            self._refuse(
                f"{where}: {quoted(cell)} is not a number; correct it, or remove the column "
                "(features are numbers, and only the label may be text)"
            )
        if abs(number) >= LARGEST_NUMBER:
            self._refuse(
                f"{where}: {quoted(cell)} is too large to compute with (the limit is {LARGEST_NUMBER:g}); "
                "correct it or remove the row"
            )
        return number

    def table(self, digest: str) -> Table:
        classes = sorted(self.codes_of)
        if not classes:
            self._refuse("there is a header but no row below it; add the data")
        if len(classes) == 1:
            self._refuse(
                f"column {quoted(self.label)}, row {self.first_rows[0]} to the last: the only class is "
                f"{quoted(classes[0])}; add rows of another class or name another label"
            )
        import numpy as np

        counts = np.bincount(self.codes)
        for name, code in self.codes_of.items():
            if counts[code] < 2:
                self._refuse(
                    f"column {quoted(self.label)}, row {self.first_rows[code]}: class {quoted(name)} has "
                    "this one row, and training and hold-out need one each; add rows of it or remove this one"
                )
        order = np.empty(len(classes), dtype=np.int64)
        order[[self.codes_of[name] for name in classes]] = np.arange(len(classes))
        values = np.frombuffer(self.values).reshape(len(self.codes), len(self.features))
        return Table(
            self.features, self.label, classes, values, order[np.frombuffer(self.codes, np.intc)], digest
        )


def read_table(chunks: Iterator[bytes], name: str, label: str) -> Table:
    """Read a CSV (UTF-8, commas, header in its first row), checking every cell on the way.

    Raises BadInput, whose message names the column and the row.
    """
    source = Chunks(chunks)
    rows = csv.reader(io.TextIOWrapper(io.BufferedReader(source), "utf-8-sig", newline=""), strict=True)
    try:
        header = next(filter(None, rows), None)
        if header is None:
            raise BadInput(f"dataset {shown(name)} is empty; upload a header and rows")
        builder = TableBuilder(name, header, label)
        row = rows.line_num + 1
        for cells in rows:
            if cells:
                builder.add(cells, row)
            row = rows.line_num + 1
    except UnicodeDecodeError as error:
        row = rows.line_num + 1 + error.object[: error.start].count(b"\n")
        raise BadInput(
            f"dataset {shown(name)}: row {row} holds bytes that are not UTF-8 text "
            f"(0x{error.object[error.start]:02x}); export the data as CSV (UTF-8)"
        ) from error
    except csv.Error as error:
        raise BadInput(
            f"dataset {shown(name)}: row {rows.line_num} is not valid CSV ({error}); check its quotes"
        ) from error
    return builder.table("sha256:" + source.sha256.hexdigest())


# --- Training ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows, measured after it."""

    number: int
    loss: float
    accuracy: float
    milliseconds: int  # since 1970, as MLflow counts


@dataclass(frozen=True)
class Trained:
    pipeline: Pipeline
    epochs: list[Epoch]
    metrics: dict[str, float]
    confusion: np.ndarray  # of shape (n_classes, n_classes); rows are the true classes
    example: DataFrame  # a few raw rows of the hold-out


def holdout_mask(codes: np.ndarray) -> np.ndarray:
    """Choose the hold-out: HOLDOUT of each class, seeded, and at least one row of each on either side.

    scikit-learn's stratified split refuses small datasets whose hold-out is smaller than the number of
    classes; here two rows of a class are enough.
    """
    import numpy as np

    generator = np.random.default_rng(SEED)
    mask = np.zeros(len(codes), dtype=bool)
    for code in range(codes.max() + 1):
        rows = np.flatnonzero(codes == code)
        mask[generator.permutation(rows)[: max(1, round(HOLDOUT * len(rows)))]] = True
    return mask


def print_progress(epochs: int) -> Callable[[Epoch], None]:
    """Print the first and the last epoch and at most one line a second between them."""
    next_line = 0.0

    def show(epoch: Epoch) -> None:
        nonlocal next_line
        now = time.monotonic()
        if now >= next_line or epoch.number == epochs:
            next_line = now + SECONDS_BETWEEN_LINES
            say(f"epoch {epoch.number}/{epochs}: loss {epoch.loss:.4f}, accuracy {epoch.accuracy:.4f}")

    return show


def measure(number: int, probabilities: np.ndarray, codes: np.ndarray) -> Epoch:
    """Loss as sklearn.metrics.log_loss and accuracy as accuracy_score.

    Computed here because those two sort all labels on every call, which took longer than the training.
    """
    import numpy as np

    of_the_true_class = probabilities[np.arange(len(codes)), codes]
    smallest = np.finfo(probabilities.dtype).eps  # as log_loss clips, so that a certain error stays finite
    loss = -np.log(np.clip(of_the_true_class, smallest, 1 - smallest)).mean()
    accuracy = (probabilities.argmax(axis=1) == codes).mean()
    return Epoch(number, float(loss), float(accuracy), time.time_ns() // 1_000_000)


def train(table: Table, epochs: int, lr: float, on_epoch: Callable[[Epoch], None]) -> Trained:
    """Fit StandardScaler and a linear classifier (logistic loss) by `epochs` passes of SGD at rate `lr`.

    The same table, epochs and lr give the same model and metrics, bit for bit.
    Raises BadInput when the weights overflow, which a learning rate that is far too high makes them do.
    """
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    names = np.array(table.classes, dtype=object)  # objects: one long class name does not widen every row
    held_out = holdout_mask(table.codes)
    rows = pd.DataFrame(table.values[~held_out], columns=table.features, copy=False)
    codes = table.codes[~held_out]
    target = names[codes]
    scaler = StandardScaler().fit(rows)
    scaled = scaler.transform(rows)
    classifier = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=lr)
    history = []
    for number in range(1, epochs + 1):
        # partial_fit starts its shuffle from the seed each time: a seed per epoch, an order per epoch.
        classifier.set_params(random_state=SEED + number)
        with contextlib.suppress(ValueError):  # scikit-learn's word for weights that overflow
            classifier.partial_fit(scaled, target, classes=names)
            history.append(measure(number, classifier.predict_proba(scaled), codes))
        if len(history) < number or not math.isfinite(history[-1].loss):
            raise BadInput(
                f"training diverged in epoch {number} at learning rate {lr:g}; choose a smaller lr"
            )
        on_epoch(history[-1])
    classifier.set_params(random_state=SEED)
    pipeline = Pipeline([("scale", scaler), ("classify", classifier)])

    unseen = pd.DataFrame(table.values[held_out], columns=table.features, copy=False)
    truth, predicted = names[table.codes[held_out]], pipeline.predict(unseen)
    metrics = {
        "accuracy": accuracy_score(truth, predicted),
        "macro_f1": f1_score(truth, predicted, labels=names, average="macro", zero_division=0),
        "log_loss": log_loss(truth, pipeline.predict_proba(unseen), labels=names),
        "train_loss": history[-1].loss,
        "train_accuracy": history[-1].accuracy,
    }
    return Trained(
        pipeline,
        history,
        {name: float(value) for name, value in metrics.items()},
        confusion_matrix(truth, predicted, labels=names),
        unseen.head(5),
    )


# --- MLflow ------------------------------------------------------------------------------------------


def confusion_figure(confusion: np.ndarray, classes: list[str]) -> Figure:
    """Draw on a bare Figure: pyplot would bring windows, a global state and its own import time."""
    import numpy as np
    from matplotlib.figure import Figure

    side = min(4 + 0.35 * len(classes), 16)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(confusion, cmap="Blues")
    axes.set(xlabel="predicted", ylabel="true", title="Hold-out rows")
    if len(classes) <= MOST_ANNOTATED_CLASSES:
        names = [quoted(name)[1:-1] for name in classes]
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", parse_math=False)
        axes.set_yticks(range(len(names)), names, parse_math=False)
        for (row, column), count in np.ndenumerate(confusion):
            color = "white" if count > confusion.max() / 2 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color)
    return figure


def metrics_document(job: Job, table: Table, trained: Trained, mlflow_run_id: str) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "run_id": job.run_id,
        "mlflow_run_id": mlflow_run_id,
        "experiment_id": EXPERIMENT_ID,
        "task": "classification",
        "dataset": {
            "path": job.dataset if job.etag else Path(job.dataset).name,
            "etag": job.etag,
            "digest": table.digest,
            "rows": len(table.codes),
        },
        "label": table.label,
        "features": table.features,
        "classes": table.classes,
        "parameters": {"epochs": job.epochs, "lr": job.lr, "seed": SEED, "holdout": HOLDOUT},
        "metrics": trained.metrics,
    }


def save_run(job: Job, table: Table, trained: Trained) -> tuple[Path, dict[str, Any]]:
    """Log the training into ./mlruns; returns the run's folder and the contents of its metrics.json.

    The client and save_model are used instead of start_run and log_model, which would ask git, the
    platform and the active environment about things that a Batch node does not know.
    """
    from importlib.metadata import version

    import mlflow.sklearn
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    client = mlflow.MlflowClient(tracking_uri=Path("mlruns").absolute().as_uri())
    run = client.create_run(EXPERIMENT_ID, run_name=job.run_id or Path(job.dataset).stem)
    run_id = run.info.run_id
    folder = Path("mlruns", EXPERIMENT_ID, run_id)
    document = metrics_document(job, table, trained, run_id)

    parameters = document["parameters"] | {"label": table.label, "features": len(table.features)}
    dataset = {f"dataset.{name}": value for name, value in document["dataset"].items()}
    tags = dataset | {"classes": json.dumps(table.classes, ensure_ascii=False)[:5000]}
    tags |= {"touchdown.run_id": job.run_id, "touchdown.pipeline_run_id": job.pipeline_run_id}
    client.log_batch(
        run_id,
        params=[Param(name, str(value)[:5000]) for name, value in parameters.items()],
        tags=[RunTag(name, str(value)) for name, value in tags.items() if value is not None],
    )
    points = [Metric("train_loss", e.loss, e.milliseconds, e.number) for e in trained.epochs]
    points += [Metric("train_accuracy", e.accuracy, e.milliseconds, e.number) for e in trained.epochs]
    points += [
        Metric(name, trained.metrics[name], time.time_ns() // 1_000_000, job.epochs)
        for name in ("accuracy", "macro_f1", "log_loss")
    ]
    for start in range(0, len(points), 1000):  # MLflow's limit per call
        client.log_batch(run_id, metrics=points[start : start + 1000])
    client.log_dict(run_id, document, "metrics.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class name in a script that the font lacks
        client.log_figure(run_id, confusion_figure(trained.confusion, table.classes), "confusion_matrix.png")

    # Pinned to what pickled the model. The full `mlflow` is the -skinny one that is installed here and what
    # Azure ML's driver of a batch deployment imports besides, Pillow among it.
    pinned = [f"{name}=={version(name)}" for name in ("cloudpickle", "numpy", "pandas", "scikit-learn")]
    mlflow.sklearn.save_model(
        trained.pipeline,
        str(folder / "artifacts" / "model"),
        mlflow_model=Model(artifact_path="model", run_id=run_id),
        # Double, also for a column of whole numbers: the driver reads a CSV with these types, and a later
        # row's fraction or gap would not fit a long.
        signature=ModelSignature(
            inputs=Schema([ColSpec("double", name) for name in table.features]),
            outputs=Schema([ColSpec("string")]),
        ),
        input_example=trained.example,
        pip_requirements=[f"mlflow=={mlflow.__version__}", *pinned],
    )
    client.set_terminated(run_id)
    return folder, document


# --- The story ---------------------------------------------------------------------------------------


def say(line: str) -> None:
    print(line, flush=True)


def write_outputs(job: Job, document: dict[str, Any], prefix: str) -> None:
    """Write what Data Factory shows as the activity's customOutput."""
    outputs = {
        "run_id": job.run_id,
        "mlflow_run_id": document["mlflow_run_id"],
        "model_path": f"{prefix}/{document['experiment_id']}/{document['mlflow_run_id']}/artifacts/model",
        "metrics": document["metrics"],
    }
    Path("outputs.json").write_text(json.dumps(outputs))


def run(job: Job) -> None:
    to = job.destination
    container = open_container(to) if to else None
    if to and container and job.etag:
        earlier = finished_earlier(container, to.prefix)
        if earlier:
            say(f"MLflow run {earlier['mlflow_run_id']} has finished this run earlier; nothing to do")
            write_outputs(job, earlier, to.prefix)
            return
        source = blob_chunks(container, job)
    else:
        source = file_chunks(job.dataset)
    with source as chunks:
        table = read_table(chunks, job.dataset, job.label)
    say(
        f"dataset {shown(job.dataset)}: {len(table.codes)} rows, {len(table.features)} features, "
        f"label {quoted(table.label)} with {len(table.classes)} classes"
    )
    trained = train(table, job.epochs, job.lr, print_progress(job.epochs))
    scores = ", ".join(f"{name} {trained.metrics[name]:.4f}" for name in ("accuracy", "macro_f1", "log_loss"))
    say(f"hold-out ({int(trained.confusion.sum())} rows): {scores}")
    folder, document = save_run(job, table, trained)
    if to is None or container is None:
        say(f"model kept in {folder}/artifacts/model (--connectionString or --accountUrl would upload it)")
        return
    prefix = str(PurePosixPath(to.prefix, EXPERIMENT_ID, document["mlflow_run_id"]))
    say(f"uploading to {to.container}/{prefix}")
    upload_run(container, folder, prefix)
    if job.etag:
        write_outputs(job, document, to.prefix)
    say(f"model uploaded to {to.container}/{prefix}/artifacts/model")


def main(argv: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # What they would warn of is in the errors that are printed, or nothing to act on (a font, a cache).
    for library in ("azure", "matplotlib"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        run(find_job(argv))
    except Refused as refusal:
        print(refusal, file=sys.stderr, flush=True)
        return refusal.exit_code
    except Exception:  # a bug or the cloud: the traceback is wanted, the secrets in it are not
        print(without_secrets(traceback.format_exc()), file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    # The imports bring hundreds of thousands of objects that stay. Looking for garbage among them less often,
    # and not once more at the exit, takes a quarter off the time of a small training.
    gc.set_threshold(200_000)
    code = main(sys.argv[1:])
    gc.freeze()
    sys.exit(code)
