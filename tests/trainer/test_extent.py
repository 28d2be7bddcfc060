"""How much the permutation importance predicts: as much as its work may be, and what tells most."""

from itertools import product

from tests.trainer.flat import flat_module

extent = flat_module("extent")
budget = flat_module("budget")


def taken(found: "extent.Extent", columns: int, trees: int, classes: int) -> float:  # type: ignore[name-defined]
    """Units of work."""
    answers = found.rows * len(found.columns) * found.repeats
    work: float = budget.answer_work(answers, columns, trees, max(1, classes))
    return work


def test_it_takes_no_more_than_its_share() -> None:
    several = product([1, 8, 61, 300, 9998], [0, 50, 2030, 100_000], [0, 2, 48, 1000], [6, 450, 100_000])
    for columns, trees, classes, held in several:
        found = extent.extent_of([1.0] * columns, trees, classes, held, 1.0)
        least = budget.answer_work(min(held, extent.FEWEST_ROWS), columns, trees, max(1, classes))
        assert taken(found, columns, trees, classes) <= max(1.0, least)


def test_a_small_model_is_measured_on_many_rows_several_times() -> None:
    assert extent.extent_of([0.2] * 5, 40, 0, 50_000, 1.0) == extent.Extent(2000, (0, 1, 2, 3, 4), 3)


def test_repetitions_are_given_up_before_rows_and_rows_before_columns() -> None:
    fewer_repeats = extent.extent_of([1.0] * 20, 1000, 0, 5000, 1.0)
    assert (fewer_repeats.repeats, len(fewer_repeats.columns)) == (2, 20)
    assert extent.ENOUGH_ROWS <= fewer_repeats.rows < extent.MOST_ROWS
    fewer_rows = extent.extent_of([1.0] * 60, 2000, 10, 5000, 1.0)
    assert (fewer_rows.repeats, len(fewer_rows.columns)) == (1, 60)
    assert extent.FEWEST_ROWS <= fewer_rows.rows < extent.ENOUGH_ROWS
    fewer_columns = extent.extent_of([1.0] * 5000, 2000, 10, 5000, 1.0)
    assert fewer_columns.repeats == 1
    assert extent.FEWEST_ROWS <= fewer_columns.rows < 2 * extent.FEWEST_ROWS
    assert len(fewer_columns.columns) < 5000


def test_the_columns_that_the_model_uses_most_are_shuffled() -> None:
    use = [0.0, *(float(place % 1000) for place in range(1, 10_000))]
    found = extent.extent_of(use, 0, 2, 30, 0.5)
    kept = set(found.columns)
    assert 0 not in kept
    assert min(use[place] for place in kept) >= max(use[place] for place in set(range(10_000)) - kept)
