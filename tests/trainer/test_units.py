"""The parts of the trainer that need no process: they import nothing but the standard library."""

import importlib.util
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.trainer.conftest import MAIN


@pytest.fixture(scope="module")
def main() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trainer_main", MAIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_progress_is_a_line_a_second_and_always_the_first_and_the_last(
    main: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock: Iterator[float] = iter([10.0, 10.5, 10.9, 11.0, 11.2])
    monkeypatch.setattr(main.time, "monotonic", lambda: next(clock))
    show = main.print_progress(5)
    for number in range(1, 6):
        show(main.Epoch(number, 0.5, 0.75, 0))
    shown = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["epoch 1/5", "epoch 4/5", "epoch 5/5"]


def test_a_dataset_in_chunks_of_one_byte_reads_as_in_one_piece(main: ModuleType) -> None:
    data = "a,y\r\n1,\u00e9\r\n2,v\r\n3,\u00e9\r\n4,v\r\n".encode()
    whole = main.read_table(iter([data]), "d.csv", "")
    pieces = main.read_table((data[i : i + 1] for i in range(len(data))), "d.csv", "")
    assert pieces.classes == whole.classes == ["v", "\u00e9"]
    assert pieces.values.tolist() == whole.values.tolist() == [[1.0], [2.0], [3.0], [4.0]]
    assert pieces.codes.tolist() == whole.codes.tolist() == [1, 0, 1, 0]
    assert pieces.digest == whole.digest


def test_every_class_is_on_both_sides_of_the_split(main: ModuleType) -> None:
    import numpy

    codes = numpy.array([0] * 2 + [1] * 3 + [2] * 100)
    mask = main.holdout_mask(codes)
    assert [int(mask[codes == code].sum()) for code in range(3)] == [1, 1, 20]


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
