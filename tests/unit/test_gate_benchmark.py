"""The benchmark of the gate: its tables, and what it says of verdicts."""

import csv
import io
from collections import Counter

import pytest

from benchmarks import gate, noise, report
from benchmarks.gate_tables import SMALL
from benchmarks.quality_tables import TABLES


def test_there_are_180_tables_of_noise() -> None:
    assert len(noise.KINDS) * len(noise.ROWS) * len(noise.SEEDS) == 180


@pytest.mark.parametrize("name", noise.KINDS)
def test_a_table_of_noise_is_the_same_each_time_and_can_be_divided(name: str) -> None:
    kind = noise.KINDS[name]
    text = noise.text(kind, 60, 1)
    assert text == noise.text(kind, 60, 1) != noise.text(kind, 60, 2)
    heading, *rows = csv.reader(io.StringIO(text))
    assert len(rows) == 60
    assert {len(row) for row in rows} == {len(heading)} == {kind.numbers + kind.categories + 1}
    if rows[0][-1].startswith("class ") and kind.copies == 1:
        assert min(Counter(row[-1] for row in rows).values()) >= 2
    assert (len({tuple(row) for row in rows}) < 60) == (kind.copies > 1)


def test_no_public_table_is_counted_twice() -> None:
    keys = [table.key for table in (*SMALL, *TABLES)]
    assert len(set(keys)) == len(keys) > 200


def test_what_is_deployed_is_counted_with_the_reasons_of_the_others() -> None:
    told = {"rows": 30, "interval": [-0.1, 0.2]}
    trivial = {"value": 0.5, "rows": 8, "interval": None, "out_of_fold": told}
    kept = {"gate": {"verdict": "keep_champion", "metric": "accuracy", "value": 0.75, "baseline": trivial}}
    good = {"gate": {"verdict": "deploy"}}
    with report.console.capture() as captured:
        gate.show_public({"a": kept, "b": good, "c": {"refused": "no"}}, {"a": good, "b": good, "c": kept})
    words = captured.get()
    assert "Public tables: 3, of which 1 deploy, 1 keep_champion, 1 refused" in words
    assert "Of 2 deployed before, 1 still are: 50.0%, at least 92.2% wanted" in words
    (line,) = (line for line in words.splitlines() if line.strip().startswith("a "))
    assert "accuracy 0.75" in line
    assert "30: -0.1 to 0.2" in line
    assert "8: too few" in line
