"""Train a model on one CSV and leave it in Blob Storage as an MLflow model.

By hand:   python main.py --iris-csv iris_csv.csv --epochs 50 --lr 0.1 \\
               --connectionString "..." --containerName "<container>/datasets"
On Batch:  python main.py      (Data Factory has put an activity.json into the working directory)

This file is the story; each of its chapters is a module beside it, which Data Factory copies to the node
together with it: job (what to do), storage, dialect and reading (bytes to columns), survey and schema (what
the columns are), training, evaluation, champion and gate (is it good enough), profiling and report, saving.
They import nothing of the app. NumPy, scikit-learn, MLflow and the Azure SDK are imported where they are
needed: what the first megabyte shows is refused before the seconds that those imports take.

Exit codes: 0 trained; 2 the dataset, an argument or a hyperparameter is bad; 3 the dataset was
replaced after the run was started; 1 anything else.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import gc
import io
import json
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

try:
    from job import Job, find_job
    from reading import Source
    from refusals import TrainingRefusedError, without_secrets
    from storage import (
        blob_chunks,
        download_folder,
        file_chunks,
        finished_earlier,
        open_container,
        read_bytes,
        upload_run,
    )
    from text import quoted, shorten
except ModuleNotFoundError as missing:
    if missing.name not in ("job", "reading", "refusals", "storage", "text"):
        raise
    sys.exit(f"main.py needs the files beside it, {missing.name}.py among them: upload all of its folder")

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient
    from champion import ChampionProcess
    from evaluation import HoldOut, SampledRows
    from gate import PairedPredictions
    from saving import Outcome
    from schema import Plan
    from survey import Survey
    from training import Epoch, Trained

SECONDS_BETWEEN_LINES = 1.0


def say(line: str) -> None:
    print(line, flush=True)


def print_progress(epochs: int) -> Callable[[Epoch], None]:
    """Print the first and the last epoch and at most one line a second between them."""
    next_line = 0.0

    def show(epoch: Epoch) -> None:
        nonlocal next_line
        now = time.monotonic()
        if now >= next_line or epoch.number == epochs:
            next_line = now + SECONDS_BETWEEN_LINES
            accuracy = "" if epoch.accuracy != epoch.accuracy else f", accuracy {epoch.accuracy:.4f}"
            say(f"epoch {epoch.number}/{epochs}: loss {epoch.loss:.4f}{accuracy}")

    return show


# --- The champion ------------------------------------------------------------------------------------


class NoChampion:
    """There is none to compare with, or `error` says why it cannot take part."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.profile: list[dict[str, Any]] = []

    def answers(self) -> tuple[list[Any], str]:
        return [], self.error

    def stop(self) -> None:
        pass


class Challenged:
    """The champion at work, and the profile of the data that it was trained on."""

    def __init__(self, process: ChampionProcess, profile: list[dict[str, Any]]) -> None:
        self._process = process
        self.profile = profile
        self.error = ""

    def answers(self) -> tuple[list[Any], str]:
        return self._process.answers()

    def stop(self) -> None:
        self._process.stop()


def meet_champion(
    job: Job, container: ContainerClient | None, sampled: SampledRows, label: str, folder: Path
) -> NoChampion | Challenged:
    """Let the champion score the sampled hold-out rows, in a process beside the training."""
    if not job.champion:
        return NoChampion()
    from champion import ChampionProcess

    model = folder / "champion"
    if container is not None and job.etag:
        if not download_folder(container, job.champion, model):
            return NoChampion(f"its folder {shorten(job.champion)} is empty or gone")
        beside = f"{PurePosixPath(job.champion).parent}/profile.json"
        text = read_bytes(container, beside)
    else:
        model = Path(job.champion).absolute()
        there = model.parent / "profile.json"
        text = there.read_bytes() if there.exists() else b""
    frame = sampled.cells.iloc[sampled.held()]
    rows = folder / "holdout.csv"
    with rows.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [name for name in frame.columns if name != label]
        writer.writerow(names)
        writer.writerows(zip(*(frame[name] for name in names), strict=True))
    return Challenged(ChampionProcess(model, rows, folder / "answers.json"), profiled(text))


def profiled(text: bytes) -> list[dict[str, Any]]:
    """The columns of a champion's profile.json; none of one that is missing, or that cannot be read."""
    if not text:
        return []
    try:
        columns = json.loads(text)["columns"]
        return [dict(each) for each in columns]
    except (ValueError, LookupError, TypeError):
        say("the champion's profile.json cannot be read, so drift is not measured")
        return []


def compare(
    job: Job, plan: Plan, chosen: Trained, sampled: SampledRows, champion: NoChampion | Challenged
) -> PairedPredictions | None:
    """Both models' answers on the same hold-out rows, each through what a deployment calls."""
    if not job.champion:
        return None
    from gate import PairedPredictions

    name = job.champion_model or "the champion"
    theirs, error = champion.answers()
    held = sampled.held()
    if error:
        return PairedPredictions(name, error=error)
    if len(theirs) != len(held):
        return PairedPredictions(name, error=f"it gave {len(theirs)} answers for {len(held)} rows")
    ours = chosen.model.predict(sampled.cells.iloc[held])["prediction"].tolist()
    labels = sampled.labels[held]
    if plan.schema.classes:
        return PairedPredictions(
            name,
            truth=[plan.schema.classes[label] for label in labels],
            champion=[str(each) for each in theirs],
            challenger=ours,
        )
    numbers = []
    for each in theirs:
        try:
            numbers.append(float(each))
        except (TypeError, ValueError, OverflowError):
            error = f"it answers {quoted(each)}, which is no number to compare"
            return PairedPredictions(name, error=error)
    return PairedPredictions(name, truth=labels.tolist(), champion=numbers, challenger=ours)


# --- What is left behind -----------------------------------------------------------------------------


def metrics_of(trained: Trained, holdout: HoldOut) -> dict[str, float]:
    last = trained.epochs[-1]
    metrics = {name: float(value) for name, value in holdout.metrics.items()} | {"train_loss": last.loss}
    return metrics if last.accuracy != last.accuracy else metrics | {"train_accuracy": last.accuracy}


def write_outputs(job: Job, document: dict[str, Any], prefix: str) -> None:
    """Write what Data Factory shows as the activity's customOutput."""
    outputs = {
        "run_id": job.run_id,
        "mlflow_run_id": document["mlflow_run_id"],
        "model_path": f"{prefix}/{document['experiment_id']}/{document['mlflow_run_id']}/artifacts/model",
        "metrics": document["metrics"],
    }
    Path("outputs.json").write_text(json.dumps(outputs))


def document_of(
    job: Job,
    survey: Survey,
    plan: Plan,
    kept: str,
    metrics: dict[str, dict[str, float]],
    gate: dict[str, Any],
) -> dict[str, Any]:
    """What metrics.json says, but for the MLflow run's id."""
    from holdout import HOLDOUT, SEED
    from saving import EXPERIMENT_ID
    from verdict_rules import SCHEMA_VERSION

    missing = survey.classes.missing if plan.schema.classes else survey.rows - int(survey.labels.known[0])
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": job.run_id,
        "mlflow_run_id": "",
        "experiment_id": EXPERIMENT_ID,
        "task": survey.task,
        "algorithm": kept,
        "dataset": {
            "path": job.dataset if job.etag else Path(job.dataset).name,
            "etag": job.etag,
            "digest": survey.source.digest,
            "rows": survey.rows,
        },
        "label": survey.label,
        "features": list(plan.typed),
        "classes": list(plan.schema.classes),
        "parameters": {
            "epochs": job.epochs,
            "lr": job.lr,
            "seed": SEED,
            "holdout": HOLDOUT,
            "algorithm": job.algorithm,
            "rare_classes": job.rare_classes,
        },
        "metrics": metrics[kept],
        "algorithms": metrics,
        "dropped_columns": plan.dropped,
        "dropped_rows": {"missing_label": int(missing)},
        "notes": plan.notes,
        "gate": gate,
    }


# --- The story ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def source_of(job: Job, container: ContainerClient | None) -> Iterator[Source]:
    """The dataset, of a blob always the one upload that the run was started for."""

    def chunks() -> Iterator[bytes]:
        opened = (
            blob_chunks(container, job) if container is not None and job.etag else file_chunks(job.dataset)
        )
        with opened as found:
            yield from found

    yield Source(job.dataset, chunks)


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A folder for what is needed until the end. Raises TrainingRefusedError when the disk is full."""
    try:
        with tempfile.TemporaryDirectory(prefix="training-", dir=".") as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise TrainingRefusedError(
            "the disk of the node is full: a training keeps the parsed columns there, 8 bytes a cell; use a"
            " VM size with a larger disk"
        ) from error


def train(job: Job, source: Source, container: ContainerClient | None, folder: Path) -> Outcome:
    """Survey, train, evaluate and judge. Raises BadInputError."""
    import scan
    import schema
    import verdict_rules as rules
    from evaluation import SampledRows, evaluate, importance
    from gate import judge
    from profiling import columns, drifted
    from profiling import label as label_profile
    from saving import EXAMPLE_ROWS, Outcome, dataset_name, example
    from training import train_boosting, train_linear

    survey = scan.survey_dataset(source, job.label, job.task, folder)
    plan = schema.plan(survey, job.rare_classes)
    what = f"{len(plan.schema.classes)} classes" if plan.schema.classes else "numbers to estimate"
    say(
        f"dataset {shorten(job.dataset)}: {survey.rows} rows, {len(plan.typed)} features, "
        f"label {quoted(survey.label)} with {what}"
    )
    for each in plan.dropped[:20]:
        say(f"column {quoted(each['column'])} is left out, {each['why']}")
    sampled = SampledRows.of(survey, plan)
    champion = meet_champion(job, container, sampled, survey.label, folder)
    try:
        trainers = {"linear": train_linear, "boosting": train_boosting}
        names = list(trainers) if job.algorithm == "auto" else [job.algorithm]
        trained = {
            name: trainers[name](survey, plan, folder, job.epochs, job.lr, print_progress(job.epochs))
            for name in names
        }
        holdouts = evaluate(survey, plan, trained)
        metric = rules.DECIDING_METRIC[survey.task]
        kept = names[0]
        for name in names[1:]:
            if rules.is_better(metric, holdouts[name].metrics[metric], holdouts[kept].metrics[metric]):
                kept = name
        for name in names:
            scores = ", ".join(f"{key} {value:.4f}" for key, value in holdouts[name].metrics.items())
            say(f"hold-out ({holdouts[name].rows} rows), {name}: {scores}")
        fit = trained["boosting"].rows if "boosting" in trained else 0
        if fit and fit + holdouts["boosting"].rows < plan.labelled_rows(survey):
            plan.notes.append(f"boosting was trained on {fit} rows, a sample that fits in memory")
        predictions = compare(job, plan, trained[kept], sampled, champion)
        gate = judge(
            survey.task,
            float(holdouts[kept].metrics[metric]),
            holdouts[kept].baseline,
            min_accuracy=job.min_accuracy,
            max_rmse=job.max_rmse,
            tolerance=job.tolerance,
            predictions=predictions,
        )
    finally:
        champion.stop()
        survey.cache.delete()
    say(f"verdict: {gate['verdict']}" + "".join(f"; {reason}" for reason in gate["reasons"]))
    metrics = {name: metrics_of(trained[name], holdouts[name]) for name in names}
    document = document_of(job, survey, plan, kept, metrics, gate)
    profiles = columns(survey, plan, sampled)
    holdout, best = holdouts[kept], trained[kept]
    drift = None
    if job.champion:
        drift = {"champion": job.champion_model, "columns": drifted(champion.profile, survey, sampled)}
    confusion = holdout.confusion
    report = {name: document[name] for name in (
        "run_id", "task", "algorithm", "label", "classes", "metrics", "algorithms", "gate", "notes",
        "dropped_columns", "dropped_rows",
    )} | {
        "dataset": dataset_name(job),
        "etag": job.etag,
        "rows": survey.rows,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "columns": profiles,
        "label_profile": label_profile(survey, plan, sampled),
        "drift": drift,
        "learning": {
            name: [
                {
                    "epoch": e.number,
                    "loss": e.loss,
                    "accuracy": e.accuracy if e.accuracy == e.accuracy else None,
                }
                for e in each.epochs
            ]
            for name, each in trained.items()
        },
        "confusion": None
        if confusion is None
        else {"classes": document["classes"], "counts": confusion.tolist()},
        "residuals": holdout.residuals,
        "calibration": holdout.calibration,
        "importance": importance(plan, best.model, sampled),
    }  # fmt: skip
    return Outcome(
        model=best.model,
        epochs=best.epochs,
        document=document,
        profile={"schema_version": 1, "rows": survey.rows, "columns": profiles},
        report=report,
        typed=plan.typed,
        example=example(survey.sample.table(sampled.held(EXAMPLE_ROWS)).to_pandas(), plan.typed),
        confusion=confusion,
    )


def run(job: Job) -> None:
    to = job.destination
    container = open_container(to) if to else None
    if to and container and job.etag:
        earlier = finished_earlier(container, to.prefix)
        if earlier:
            say(f"MLflow run {earlier['mlflow_run_id']} has finished this run earlier; nothing to do")
            write_outputs(job, earlier, to.prefix)
            return
    with source_of(job, container) as source, working_folder() as folder:
        outcome = train(job, source, container, folder)
    from saving import save

    folder, document = save(job, outcome)
    if to is None or container is None:
        say(f"model kept in {folder}/artifacts/model (--connectionString or --accountUrl would upload it)")
        return
    prefix = str(PurePosixPath(to.prefix, document["experiment_id"], document["mlflow_run_id"]))
    say(f"uploading to {to.container}/{prefix}")
    upload_run(container, folder, prefix, report=f"{to.prefix}/report.html" if job.etag else "")
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
    except TrainingRefusedError as refusal:
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
