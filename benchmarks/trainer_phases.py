"""One measured process of the trainer's benchmark, which runs on the trainer's Python with its packages.

    python -P trainer_phases.py RESULT WHAT FILE [ARGUMENT]

WHAT: `generate` a dataset; `train` on it with the trainer; only read it, with the trainer's `reader` or with
pyarrow's own (`arrow`); or train on it with plain `pandas` code. RESULT is written as a JSON object: seconds
by phase, rows, and `peak`, the most memory in bytes that this process used. -P is needed because modules of
the trainer and of this folder have the same names.
"""

import gc
import importlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TRAINER = Path(__file__).resolve().parents[1] / "trainer"
CHUNK_ROWS = 100_000
MEASURES = 13
SEGMENTS = ("private", "business", "public", "partner")
REGIONS = tuple(f"{side} district" for side in (
    "north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west",
    "upper", "lower", "inner", "outer",
))  # fmt: skip
CHANNELS = ("web", "shop", "phone")
GAPS = 0.03
"""Share of empty cells in three columns of numbers and one of categories."""
LR = "0.01"


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def start(self) -> None:
        """Start to count time as training, until `stop`, which records processor time as well."""
        self._wall, self._processors = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.seconds["training"] = time.perf_counter() - self._wall
        self.seconds["processors"] = time.process_time() - self._processors

    @contextmanager
    def training(self) -> Iterator[None]:
        self.start()
        yield
        self.stop()

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def worked(*args: Any, **named: Any) -> Any:
            with self.running(name):
                return work(*args, **named)

        return worked


def peak() -> int:
    """The most memory that this process has used, in bytes.

    Not from ru_maxrss where there is a choice: on Linux it includes the peak of the process that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# --- The dataset -------------------------------------------------------------------------------------


def generate(file: str, rows: str) -> dict[str, Any]:
    """Write a CSV of 20 columns with gaps: 15 numbers, 3 categories, a date, and a learnable label."""
    import pyarrow as pa
    from pyarrow import csv

    started = time.perf_counter()
    count = int(rows)
    starts = range(0, count, CHUNK_ROWS)

    def text(start: int) -> Any:
        sink = pa.BufferOutputStream()
        options = csv.WriteOptions(include_header=start == 0, quoting_style="none")
        csv.write_csv(table(start, min(CHUNK_ROWS, count - start)), sink, options)
        return sink.getvalue()

    with Path(file).open("wb") as out, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(text, start) for start in starts[:3]]
        for number in range(len(starts)):
            out.write(waiting.pop(0).result())
            if number + 3 < len(starts):
                waiting.append(pool.submit(text, starts[number + 3]))
    return {"seconds": {"generate": time.perf_counter() - started}, "bytes": Path(file).stat().st_size}


def table(start: int, count: int) -> Any:
    """The rows from number `start` on, the same ones at every call."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng([42, start])
    normal = random.standard_normal((MEASURES + 1, count))
    score = 1.5 * normal[0] - normal[1] + 0.5 * normal[2]
    columns: dict[str, Any] = {}
    for place in range(MEASURES):
        # Columns differ in magnitude, as measurements do, so that they have to be scaled.
        values = np.rint((normal[place] * 10 ** (place % 4) + place) * 1e6) / 1e6
        gaps = random.random(count) < GAPS if place % 4 == 3 else None
        columns[f"measure_{place + 1}"] = pa.array(values, mask=gaps)
    columns["visits"] = pa.array(random.poisson(40, count))
    columns["amount_cents"] = pa.array((np.exp(normal[-1]) * 1e6).astype(np.int64))
    segment = random.integers(0, len(SEGMENTS), count)
    score += 0.8 * (segment == 1)
    columns["segment"] = chosen(segment, SEGMENTS, None)
    columns["region"] = chosen(random.integers(0, 12, count), REGIONS, random.random(count) < GAPS)
    columns["channel"] = chosen(random.integers(0, 3, count), CHANNELS, None)
    days = pa.array((18_000 + random.integers(0, 2000, count)).astype(np.int32))
    columns["since"] = days.cast(pa.date32()).cast(pa.string())
    label = random.random(count) < 1 / (1 + np.exp(-2 * score))
    columns["answer"] = chosen(label.astype(np.int64), ["no", "yes"], None)
    return pa.table(columns)


def chosen(codes: Any, texts: Any, gaps: Any) -> Any:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=gaps), pa.array(list(texts))).cast(pa.string())


# --- The trainer, and the limit ----------------------------------------------------------------------


def imported(name: str) -> Any:
    """One of the trainer's modules, which mypy checks in the trainer's own environment only."""
    return importlib.import_module(name)


def train(file: str, epochs: str) -> dict[str, Any]:
    """Do what trainer/main.py does for a person, and time its steps.

    `training` is everything from the first byte read until there is a model to save: survey, epochs,
    evaluation, and the rest (plan, importance, profile) as `other`. Imports are timed separately, but take
    place where the trainer makes them, so that the measurement does not change how much memory is used.
    """
    clock = Clock()
    with clock.running("imports"):
        names = ("reading", "scan", "schema", "evaluation", "profiling", "gate", "saving", "training")
        reading, scan, _, evaluation, _, _, saving, training = map(imported, names)
    epoch_ends: list[float] = []
    importing = 0.0
    """Processor seconds of the imports that take place during the training."""

    def with_epochs(work: Callable[..., Any]) -> Callable[..., Any]:
        def worked(*args: Any) -> Any:
            nonlocal importing
            *given, on_epoch = args
            started = time.process_time()
            with clock.running("imports in training"):
                importlib.import_module("sklearn.linear_model")
            importing += time.process_time() - started
            epoch_ends.append(time.perf_counter())

            def ended(epoch: Any) -> None:
                epoch_ends.append(time.perf_counter())
                on_epoch(epoch)

            return work(*given, ended)

        return worked

    def after_imports(work: Callable[..., Any]) -> Callable[..., Any]:
        def worked(*args: Any) -> Any:
            clock.stop()
            with clock.running("imports"), imported("lean_imports").without_databricks():
                importlib.import_module("mlflow.sklearn")
                importlib.import_module("report")
            return work(*args)

        return worked

    first_inspection = clock.timed("inspection", reading.Source.__init__)

    def inspect(*args: Any) -> None:
        clock.start()
        first_inspection(*args)

    reading.Source.__init__ = inspect
    scan.survey_dataset = clock.timed("survey", scan.survey_dataset)
    training.train_linear = with_epochs(training.train_linear)
    evaluation.evaluate = clock.timed("evaluation", evaluation.evaluate)
    saving.save = after_imports(clock.timed("save", saving.save))
    gc.set_threshold(200_000)  # as main.py does; its process ends without returning here
    if code := imported("main").main(["--iris-csv", file, "--epochs", epochs, "--lr", LR]):
        raise SystemExit(code)
    seconds = clock.seconds
    late = seconds.pop("imports in training")
    seconds["imports"] += late
    seconds["survey"] += seconds.pop("inspection")
    seconds["epochs"] = epoch_ends[-1] - epoch_ends[0]
    seconds["training"] -= late
    seconds["processors"] -= importing
    seconds["other"] = seconds["training"] - sum(seconds[name] for name in ("survey", "epochs", "evaluation"))
    document = json.loads(next(Path("mlruns").glob("0/*/artifacts/metrics.json")).read_text(encoding="utf-8"))
    return {"seconds": seconds, "rows": document["dataset"]["rows"], "metrics": document["metrics"]}


def reader(file: str) -> dict[str, Any]:
    """Read and parse the dataset as the trainer does, and keep nothing: no training can be faster."""
    clock = Clock()
    with clock.running("imports"):
        names = ("reading", "storage", "column_kinds", "block_columns", "parallel")
        reading, storage, column_kinds, block_columns, parallel = map(imported, names)
        importlib.import_module("pyarrow.csv")

    def chunks() -> Iterator[bytes]:
        with storage.file_chunks(file) as found:
            yield from found

    rows = 0
    with clock.training():
        source = reading.Source(file, chunks)
        *features, label = source.inspection.columns
        decimal = source.inspection.dialect.decimal
        forms = {
            name: column_kinds.form_of(source.inspection.cells(name), decimal, name) for name in features
        }
        parser = block_columns.BlockConverter(source, label, "classification", forms).parser
        for parsed in parallel.in_order(parser.parse, source.blocks()):
            rows += parsed.table.num_rows
            del parsed
    return {"seconds": clock.seconds, "rows": rows}


def arrow(file: str) -> dict[str, Any]:
    """Read the dataset with pyarrow's own streaming reader, with the types that the trainer uses."""
    clock = Clock()
    with clock.running("imports"):
        import pyarrow as pa
        from pyarrow import csv
    with Path(file).open(encoding="utf-8") as lines:
        names = lines.readline().strip().split(",")
    numbers = [name for name in names if name.startswith("measure_") or name in ("visits", "amount_cents")]
    types = {name: pa.float64() if name in numbers else pa.string() for name in names}
    rows = 0
    with clock.training():
        options = csv.ReadOptions(block_size=8 << 20)
        with csv.open_csv(file, options, convert_options=csv.ConvertOptions(column_types=types)) as batches:
            for batch in batches:
                rows += batch.num_rows
    return {"seconds": clock.seconds, "rows": rows}


# --- Plain pandas code -------------------------------------------------------------------------------


def pandas(file: str, epochs: str) -> dict[str, Any]:
    """The whole file in memory, gaps filled, categories one-hot, scaled, and SGDClassifier on 80 % of it."""
    clock = Clock()
    with clock.running("imports"):
        import pandas as pd
        from sklearn.linear_model import SGDClassifier
        from sklearn.metrics import accuracy_score
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler
    with clock.training():
        with clock.running("survey"):
            frame = pd.read_csv(file, parse_dates=["since"])
        with clock.running("other"):
            target = frame.pop("answer")
            frame["since"] = frame["since"].astype("int64")
            frame = frame.fillna(frame.mean(numeric_only=True))
            frame = pd.get_dummies(frame)
            train_x, test_x, train_y, test_y = train_test_split(
                frame, target, test_size=0.2, random_state=42, stratify=target
            )
            scaler = StandardScaler().fit(train_x)
            train_x, test_x = scaler.transform(train_x), scaler.transform(test_x)
        with clock.running("epochs"):
            # Without early stopping, it makes as many passes as the trainer.
            model = SGDClassifier(
                loss="log_loss", learning_rate="constant", eta0=float(LR), max_iter=int(epochs), tol=None
            )
            model.fit(train_x, train_y)
        with clock.running("evaluation"):
            accuracy = accuracy_score(test_y, model.predict(test_x))
    return {"seconds": clock.seconds, "rows": len(target), "metrics": {"accuracy": float(accuracy)}}


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "generate": generate,
    "train": train,
    "reader": reader,
    "arrow": arrow,
    "pandas": pandas,
}


if __name__ == "__main__":
    result, what, *arguments = sys.argv[1:]
    sys.path.insert(0, str(TRAINER))
    found = PARTS[what](*arguments) | {"peak": peak()}
    Path(result).write_text(json.dumps(found), encoding="utf-8")
