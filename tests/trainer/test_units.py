"""The parts of the trainer that need no process: they import little but the standard library."""

import csv
import importlib.util
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.trainer.conftest import DEFAULT_SETTINGS, MAIN, write_activity


@pytest.fixture(scope="module")
def main() -> Iterator[ModuleType]:
    """The trainer's main, as a script finds the modules beside it."""
    before = set(sys.modules)
    sys.path.insert(0, str(MAIN.parent))
    try:
        spec = importlib.util.spec_from_file_location("trainer_main", MAIN)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(MAIN.parent))
        for name in set(sys.modules) - before:
            if Path(str(getattr(sys.modules[name], "__file__", ""))).parent == MAIN.parent:
                del sys.modules[name]


def test_progress_is_a_line_a_second_and_always_the_first_and_the_last(
    main: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock: Iterator[float] = iter([10.0, 10.5, 10.9, 11.0, 11.2])
    progress: Any = importlib.import_module("progress")
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    show = progress.print_progress(5)
    for number in range(1, 6):
        show(SimpleNamespace(number=number, loss=0.5, accuracy=0.75))
    printed = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["epoch 1/5", "epoch 4/5", "epoch 5/5"]


def test_the_progress_of_a_regression_has_no_accuracy(
    main: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    progress: Any = importlib.import_module("progress")
    progress.print_progress(1)(SimpleNamespace(number=1, loss=0.5, accuracy=float("nan")))
    assert capsys.readouterr().out == "epoch 1/1: loss 0.5000\n"


def test_the_properties_of_an_activity_become_the_job(main: ModuleType, tmp_path: Path) -> None:
    write_activity(
        tmp_path, runId="r", accountUrl="https://a", container="c", dataset="datasets/d.csv", etag='"0x1"',
        outputPrefix="/runs/r/", epochs="50", lr="0.1", clientId=None, **DEFAULT_SETTINGS,
    )  # fmt: skip
    job = main.find_job.__globals__["job_of_activity"](tmp_path / "activity.json")
    assert (job.run_id, job.dataset, job.label, job.epochs, job.lr) == ("r", "datasets/d.csv", "", 50, 0.1)
    assert (job.task, job.algorithm, job.rare_classes) == ("", "linear", "refuse")
    assert job.class_weights == "equal"
    assert (job.min_accuracy, job.max_rmse, job.tolerance, job.champion) == (0, 0, 0.01, "")
    assert (job.etag, job.destination.prefix, job.destination.client_id) == ("0x1", "runs/r", "")


def test_a_tolerance_of_0_is_0_and_not_the_default(main: ModuleType, tmp_path: Path) -> None:
    zeros = {"tolerance": 0, "minAccuracy": "0", "maxRmse": 0.0}
    write_activity(
        tmp_path, runId="r", accountUrl="https://a", container="c", dataset="datasets/d.csv", etag="0x1",
        outputPrefix="runs/r", epochs="50", lr="0.1", **DEFAULT_SETTINGS | zeros,
    )  # fmt: skip
    assert main.find_job.__globals__["job_of_activity"](tmp_path / "activity.json").tolerance == 0


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("block", [8, 30, 1 << 20])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_blocks_hold_whole_records_however_the_bytes_come(
    main: ModuleType, monkeypatch: pytest.MonkeyPatch, size: int, block: int, line_end: str
) -> None:
    """Cut where a quoted cell has line ends and separators, and a cell that is not quoted a single quote."""
    reading: Any = importlib.import_module("reading")
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    records = ['1,"a\nb",u', '2,5" pipe,v', '"3","a ""b"",\n\n,",é', "", '4,"",v', '5,"",""', "6,c,"]
    text = line_end.join(["\ufeffa,b,y", *(record.replace("\n", line_end) for record in records * 3)])
    data = text.encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    source = reading.Source("d.csv", lambda: iter(pieces))
    blocks = list(source.blocks())
    assert b"".join(each.data for each in blocks).replace(line_end.encode(), b"\n").split() == (
        text.removeprefix(f"\ufeffa,b,y{line_end}").encode().split()
    )
    rows = [
        row
        for each in blocks
        for row in csv.reader(each.data.decode().splitlines(keepends=True), strict=True)
        if row
    ]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5", "6"] * 3
    assert {len(row) for row in rows} == {3}
    if max(block, size) < 1000:
        assert len(blocks) > 3


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", '5"', '"x"', "é"]), max_size=30)
)
@example(parts=['2,5"', "\n", '"a ""b"",', "\n", ","])
@example(parts=["6", ",", "\n", '1,"a', "\n", 'b",u', "\n", '2,5"'])
def test_no_record_is_ever_cut(main: ModuleType, parts: list[str]) -> None:
    """The part before the cut and that behind it, read one by one, are the rows of the whole."""
    record_ends: Any = importlib.import_module("record_ends")
    data = "".join(parts).encode()
    end = record_ends.record_end(data, ",")

    def rows(text: bytes) -> list[list[str]]:
        return [row for row in csv.reader(io.StringIO(text.decode(), newline="")) if row]

    behind = data[end:] + b"\nz,z"
    assert rows(data[:end]) + rows(behind) == rows(data + b"\nz,z")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.sampled_from([0, 0, 1, 7, 200, 511, 512, 3000]), max_size=40),
    tail=st.sampled_from([0, 1, 512, 700]),
    chosen=st.data(),
)
@example(lengths=[0] * 2000, tail=0, chosen=None)
def test_line_feeds_are_found_by_their_numbers(
    main: ModuleType, lengths: list[int], tail: int, chosen: Any
) -> None:
    lines: Any = importlib.import_module("lines")
    data = b"".join(b"x" * length + b"\n" for length in lengths) + b"x" * tail
    feeds = lines.Feeds(data)
    assert feeds.count == len(lengths)
    ends = [place + 1 for place, byte in enumerate(data) if byte == ord("\n")]
    numbers = range(len(ends))
    wanted = list(numbers)
    if chosen is not None and ends:
        wanted = sorted(chosen.draw(st.sets(st.sampled_from(numbers), min_size=1)))
    assert feeds.after(np.array(wanted, dtype=np.int64)).tolist() == [ends[number] for number in wanted]


@given(parts=st.lists(st.sampled_from(["\n", "\r\n", "\r", "a"]), max_size=30))
def test_lines_are_counted_as_python_counts_them(main: ModuleType, parts: list[str]) -> None:
    lines: Any = importlib.import_module("lines")
    text = "".join(parts)
    assert lines.lines_in(text.encode()) == len((text + "x").splitlines()) - 1


@pytest.mark.parametrize(
    "text",
    [
        "AccountName=x;AccountKey=c2VjcmV0==;EndpointSuffix=y",
        "https://x.blob.core.windows.net/c/b?sv=1&sig=c2VjcmV0%3D&se=2",
        "SharedAccessSignature=c2VjcmV0",
    ],
)
def test_secrets_are_taken_out_of_a_traceback(main: ModuleType, text: str) -> None:
    assert "c2VjcmV0" not in main.without_secrets(f"Error: {text}")


THREADS = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
sys.setswitchinterval(1e-5)
import numpy as np
from sklearn.linear_model import SGDClassifier
from learner import discarded_warnings

features, labels = np.random.default_rng(0).normal(size=(2000, 4)), np.arange(2000) % 3
model = SGDClassifier(loss="log_loss", n_jobs=2)
before = list(warnings.filters)
for _ in range(300):
    with discarded_warnings():
        model.partial_fit(features, labels, classes=np.arange(3))
assert list(warnings.filters) == before
"""


def test_threads_of_scikit_learn_leave_the_warning_filters_and_stderr_alone(trainer_python: str) -> None:
    """Without the guard, they warn hundreds of times here and leave other filters than they found."""
    command = [trainer_python, "-c", THREADS, str(MAIN.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


MISSING = """
import sys
sys.path.insert(0, sys.argv[1])
import dialect, touchdown_model
from pandas._libs.parsers import STR_NA_VALUES
assert dialect.MISSING == touchdown_model.MISSING_TEXTS == STR_NA_VALUES, STR_NA_VALUES
"""


def test_reader_and_deployed_model_take_for_missing_what_pandas_does(trainer_python: str) -> None:
    """The deployed model is one file without the trainer, so it has its own copy of the list."""
    command = [trainer_python, "-c", MISSING, str(MAIN.parent)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
