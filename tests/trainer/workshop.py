"""Runs small trainings, one after the other, in one process that imports the trainer once."""

import csv
import io
import json
import os
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.trainer.storage import without_azure

WORKER = Path(__file__).with_name("worker.py")
LONGEST_REQUEST = 240
"""Seconds."""

Answer = dict[str, list[Any]]
"""A model's predictions, by column."""


@dataclass(frozen=True)
class Training:
    """A finished training. folder: its working directory, which held only the dataset before it."""

    code: int
    stdout: str
    stderr: str
    folder: Path

    @property
    def artifacts(self) -> Path:
        (found,) = self.folder.glob("mlruns/0/*/artifacts")
        return found

    @property
    def model(self) -> Path:
        return self.artifacts / "model"

    def json(self, name: str) -> Any:
        return json.loads((self.artifacts / name).read_text(encoding="utf-8"))

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = self.json("metrics.json")
        return document

    @property
    def dropped(self) -> dict[str, str]:
        return {each["column"]: each["why"] for each in self.document["dropped_columns"]}

    def refused(self, *named: str) -> str:
        """The line that says why the dataset was refused, before anything was trained or left behind.

        named: texts that the line has to contain.
        """
        assert self.code == 2, self.stdout + self.stderr
        (line,) = self.stderr.splitlines()
        for name in named:
            assert name in line
        assert self.stdout == ""
        assert not (self.folder / "mlruns").exists()
        assert not list(self.folder.glob("training-*"))
        return line


class Workshop:
    def __init__(self, process: "subprocess.Popen[str]", stderr: IO[str], folder: Path) -> None:
        self._process = process
        self._stderr = stderr
        self._folder = folder
        self._trainings = 0

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(LONGEST_REQUEST, self._process.kill)
        timer.start()
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            self._stderr.seek(0)
            raise AssertionError(f"the worker has ended: {self._stderr.read()[-5000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def train(self, data: bytes, *arguments: str, name: str = "data.csv", **limits: int | None) -> Training:
        """Train on a file of these bytes, in a new working directory. limits: see worker.train."""
        self._trainings += 1
        folder = self._folder / str(self._trainings)
        folder.mkdir()
        (folder / name).write_bytes(data)
        request = {"train": ["--csv", name, *arguments], "folder": str(folder), "limits": limits}
        return Training(folder=folder, **self._ask(request))

    def trained(self, data: bytes, *arguments: str, name: str = "data.csv", **limits: int | None) -> Training:
        """As `train`, for a training that has to succeed and write nothing to stderr."""
        training = self.train(data, *arguments, name=name, **limits)
        assert (training.code, training.stderr) == (0, "")
        assert not list(training.folder.glob("training-*"))
        return training

    def score(self, training: Training, rows: bytes) -> Answer:
        """The model's predictions for a CSV, read as a batch deployment reads it."""
        path = training.folder / "rows.csv"
        path.write_bytes(rows)
        found = self._ask({"score": str(training.model), "csv": str(path)})
        assert "error" not in found, found["error"]
        answer: Answer = found["answer"]
        return answer

    def call(self, module: str, function: str, *arguments: object) -> Any:
        """What a function of one of the trainer's modules returns, in its Python; arrays as lists."""
        return self._ask({"call": [module, function], "arguments": arguments})["answer"]


@contextmanager
def open_workshop(python: str, trainer: Path, folder: Path) -> Iterator[Workshop]:
    with (folder / "stderr").open("w+") as stderr:
        process = subprocess.Popen(
            [python, "-P", str(WORKER), str(trainer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=without_azure(os.environ),
            cwd=folder,
        )
        try:
            yield Workshop(process, stderr, folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=20)
            assert process.stdout is not None
            process.stdout.close()


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, separator: str = ",", line_end: str = "\n"
) -> str:
    """A CSV, with quotes where it needs them."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
