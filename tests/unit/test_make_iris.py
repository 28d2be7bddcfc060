"""The lab's dataset is the one that scikit-learn loads."""

from scripts import make_iris


def test_the_rows_are_those_that_scikit_learn_loads() -> None:
    # Not above: every process of the tests imports this file, and one runs it.
    from sklearn.datasets import load_iris

    iris = load_iris()
    found = make_iris.rows()
    assert [[float(value) for value in row[:4]] for row in found] == iris.data.tolist()
    assert [row[4] for row in found] == [iris.target_names[target] for target in iris.target]
    assert len(make_iris.HEADER) == 5
