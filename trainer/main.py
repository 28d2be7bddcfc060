"""Train a model on one CSV and leave it in Blob Storage as an MLflow model.

By hand:   python main.py --iris-csv iris_csv.csv --epochs 50 --lr 0.1 \\
               --connectionString "..." --containerName "<container>/datasets"
On Batch:  python main.py      (Data Factory has put an activity.json into the working directory)

This file finds out what to do, gets the dataset, and uploads what a training leaves behind; experiment.py is
the training. All modules lie side by side, so that a person can also upload them as they are: Data Factory
copies files to a node without folders. They import nothing of the app. pandas, scikit-learn and MLflow are
imported only once they are needed: a dataset whose first megabyte is refused does not wait for these imports,
which take seconds.

Exit codes: 0 trained; 2 the dataset, an argument or a hyperparameter is bad; 3 the dataset was
replaced after the run was started; 1 anything else.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import json
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

# A thread of scikit-learn's trees that waits for the others must not occupy a core meanwhile: on a busy
# machine, small trees would take twenty times as long. OpenMP reads this once, when scikit-learn is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

try:
    from hiding import hide_this_process

    if __name__ == "__main__":
        # First of all: another task of this node may run a champion meanwhile, as the same user.
        hide_this_process()
    from job import TrainingJob, find_job
    from progress import say
    from reading import Source
    from refusals import TrainingRefusedError, without_secrets
    from storage import dataset_chunks, finished_earlier, open_container
    from text import printable, printable_lines
    from uploading import RunUpload
except ModuleNotFoundError as missing:
    beside = {"budget", "ending", "job", "lines", "progress", "reading", "record_ends", "refusals", "storage"}
    beside |= {"hiding", "repeats", "text", "uploading"}
    if missing.name not in beside and not str(missing.name).startswith("dialect"):
        raise
    sys.exit(f"main.py needs the files beside it, {missing.name}.py among them: upload all of its folder")

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A folder that is deleted at the end. Raises TrainingRefusedError when the disk is full."""
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


def run(job: TrainingJob) -> None:
    """Train, and upload the run if the job has a destination. Raises TrainingRefusedError."""
    to = job.destination
    container = open_container(to) if to else None
    if to and container and job.etag:
        earlier = finished_earlier(container, to.prefix)
        if earlier:
            say(f"MLflow run {earlier['mlflow_run_id']} has finished this run earlier; nothing to do")
            write_outputs(job, earlier, to.prefix)
            return
    if to is None or container is None:
        folder, _ = train_and_save(job, None)
        say(f"model kept in {folder}/artifacts/model (--connectionString or --accountUrl would upload it)")
        return
    upload = RunUpload(container, to.prefix, report=f"{to.prefix}/report.html" if job.etag else "")
    folder, document = train_and_save(job, container, upload)
    place = f"{to.container}/{upload.place(folder)}"
    say(f"uploading to {place}")
    upload.finish(folder)
    if job.etag:
        write_outputs(job, document, to.prefix)
    say(f"model uploaded to {place}/artifacts/model")


def train_and_save(
    job: TrainingJob, container: ContainerClient | None, upload: RunUpload | None = None
) -> tuple[Path, dict[str, Any]]:
    """The folder of the MLflow run, and its metrics.json. upload: begun once the model is saved."""
    source = Source(job.dataset, lambda: dataset_chunks(container, job), job.limits)
    from experiment import train
    from model_environment import check

    check()
    with working_folder() as folder:
        outcome = train(job, source, container, folder)
    from saving import save

    return save(job, outcome, upload.begin if upload else None)


def write_outputs(job: TrainingJob, document: dict[str, Any], prefix: str) -> None:
    """Write outputs.json, which Data Factory shows as the activity's customOutput."""
    outputs = {
        "run_id": job.run_id,
        "mlflow_run_id": document["mlflow_run_id"],
        "model_path": f"{prefix}/{document['experiment_id']}/{document['mlflow_run_id']}/artifacts/model",
        "metrics": document["metrics"],
    }
    Path("outputs.json").write_text(json.dumps(outputs))


def main(argv: list[str]) -> int:
    """Do what the arguments or activity.json say. Returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Their warnings repeat what the errors say, or no one can act on them (a font, a cache).
    for library in ("azure", "matplotlib"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        run(find_job(argv))
    except TrainingRefusedError as refusal:
        print(printable(str(refusal)), file=sys.stderr, flush=True)
        return refusal.exit_code
    except Exception:  # a bug, or the cloud: the traceback helps, but must not show a secret
        print(printable_lines(without_secrets(traceback.format_exc())), file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    # The imports create hundreds of thousands of objects that stay. Fewer garbage collections among them, and
    # none of the interpreter's shutdown, save a quarter of the time of a small training.
    gc.set_threshold(200_000)
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
