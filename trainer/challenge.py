"""The comparison with the champion: both models predict the same hold-out rows.

The champion does so in a process of its own, beside the training. Whatever goes wrong with it is noted and
does not affect the training. The app then has a person decide.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import drift
from champion import ChampionProcess
from comparable import UNKNOWN, difference, told_by
from comparison import PairedPredictions
from job import TrainingJob
from model_digest import ModelTooLargeError, digest_of_folder
from progress import say
from sampled_rows import SampledRows
from schema import Plan
from storage import TooLargeError, download_folder, read_bytes, read_file
from text import quoted, shorten
from touchdown_model import TouchdownModel

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

BESIDE = ("profile.json", "metrics.json")
"""The files beside a champion's folder that describe its data and say what it predicts."""


class Challenge:
    """A champion that predicts the hold-out rows, or cannot, for the reason that `error` states.

    name: the champion's "name:version". profile: the columns of the data that it was trained on, as its
    profile.json describes them; empty if that is missing.
    """

    def __init__(
        self,
        name: str,
        process: ChampionProcess | None = None,
        profile: list[dict[str, Any]] | None = None,
        error: str = "",
    ) -> None:
        self._name, self._process, self._error = name, process, error
        self.profile = profile or []

    def predictions(self, plan: Plan, challenger: TouchdownModel, sampled: SampledRows) -> PairedPredictions:
        """Both models' predictions of the sampled hold-out rows, each as a deployment would make them."""
        if self._process is None:
            return PairedPredictions(self._name, error=self._error)
        theirs, error = self._process.predictions()
        held = sampled.held()
        if not error and len(theirs) != len(held):
            error = f"it gave {len(theirs)} answers for {len(held)} rows"
        if error:
            return PairedPredictions(self._name, error=error)
        wanted = column_to_compare(plan)
        ours: list[Any] = challenger.predict(sampled.cells.iloc[held])[wanted or "prediction"].tolist()
        truth: list[Any] = sampled.labels[held].tolist()
        if plan.schema.classes and not wanted:
            truth = [plan.schema.classes[label] for label in truth]
            champion: list[Any] = [plan.label.class_of_text(str(answer)) for answer in theirs]
            return PairedPredictions(self._name, truth, champion, ours)
        champion = [number_in(each) for each in theirs]
        if None in champion:
            answer = theirs[champion.index(None)]
            error = f"it answers {quoted(answer)}, which is no number to compare"
            return PairedPredictions(self._name, error=error)
        if wanted:
            truth = [label != plan.deciding.majority for label in truth]
            champion, ours = ([1 - probability for probability in side] for side in (champion, ours))
        return PairedPredictions(self._name, truth, champion, ours)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()


def column_to_compare(plan: Plan) -> str:
    """The column of a model's answer that is compared; "" for its prediction.

    If the order of the rows is judged, it is the probability of the most frequent class.
    """
    return f"probability_{plan.schema.classes[plan.deciding.majority]}" if plan.deciding.ranks else ""


def number_in(answer: Any) -> float | None:
    """A champion's answer as a number, or None if it is not one."""
    try:
        return float(answer)
    except (TypeError, ValueError, OverflowError):
        return None


@contextlib.contextmanager
def challenge(
    job: TrainingJob, container: ContainerClient | None, plan: Plan, sampled: SampledRows, folder: Path
) -> Iterator[Challenge | None]:
    """Start the champion's predictions, and stop them at the end. None if the job names no champion.

    folder: where the champion and the rows are written.
    """
    if not job.champion:
        yield None
        return
    try:
        started = _start(job, container, plan, sampled, folder)
    except (ModelTooLargeError, TooLargeError) as why:
        name = job.champion_model or "the champion"
        say(f"{name} is not loaded: {why}")
        started = Challenge(name, error=f"{shorten(job.champion)} was not loaded: {why}")
    try:
        yield started
    finally:
        started.stop()


def _start(
    job: TrainingJob, container: ContainerClient | None, plan: Plan, sampled: SampledRows, folder: Path
) -> Challenge:
    name = job.champion_model or "the champion"
    model = folder / "champion"
    if container is not None and job.etag:
        if not download_folder(container, job.champion, model):
            return Challenge(name, error=f"its folder {shorten(job.champion)} is empty or gone")
        # Loading a model runs its files. This copy cannot change any more: only this task can write it.
        if digest_of_folder(model) != job.champion_digest:
            say(f"{name} is not loaded: its files are not those that were registered")
            return Challenge(
                name,
                error=f"the files in {shorten(job.champion)} are not those that were registered as this"
                " version, so it was not loaded",
            )
        beside = PurePosixPath(job.champion).parent
        profile, metrics = (read_bytes(container, f"{beside}/{file}") for file in BESIDE)
    else:
        model = Path(job.champion).absolute()
        files = [model.parent / name for name in BESIDE]
        profile, metrics = (read_file(file) for file in files)
    columns, told = profiled_columns(profile), told_by(metrics)
    # By hand, a model may be of anyone's making. On Batch, it is one that this trainer has left.
    unknown = UNKNOWN if told is None and job.etag else ""
    apart = difference(told, sampled.survey, plan) if told is not None else unknown
    if apart:
        return Challenge(name, profile=columns, error=apart)
    rows = folder / "holdout.csv"
    _write_rows(sampled, plan.schema.label, rows)
    process = ChampionProcess(model, rows, folder / "answers.json", column_to_compare(plan))
    return Challenge(name, process, columns)


def _write_rows(sampled: SampledRows, label: str, path: Path) -> None:
    """Write the hold-out rows without their label, every cell as it stands in the dataset."""
    frame = sampled.cells.iloc[sampled.held()]
    names = [name for name in frame.columns if name != label]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*(frame[name] for name in names), strict=True))


def profiled_columns(text: bytes) -> list[dict[str, Any]]:
    """The columns in a profile.json. Empty if it is missing, cannot be read, or is not sound.

    The file is no part of the model, so no digest says that this trainer has left it.
    """
    if not text:
        return []
    found: list[dict[str, Any]] | None
    try:
        columns = json.loads(text)["columns"]
        found = [dict(each) for each in columns]
    except (ValueError, LookupError, TypeError, RecursionError):
        found = None
    if found is None or not are_sound(found):
        say("the champion's profile.json cannot be read, so drift is not measured")
        return []
    return found


def are_sound(columns: list[dict[str, Any]]) -> bool:
    """Whether all columns have names, none comes twice (each is compared to all rows), and bins are bins."""
    names = {each["name"] for each in columns if isinstance(each.get("name"), str)}
    return len(names) == len(columns) and all(
        each.get("bins") is None or drift.is_sound(each["bins"]) for each in columns
    )
