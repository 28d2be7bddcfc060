"""The formula of a pool: what it evaluates to, and what is refused when the pool is written."""

import pytest
from localcloud.batch.formula import Formula
from localcloud.wire import AzureError

USUAL = """// Scales up at once, and down when nodes have been idle.
samples = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 5);
tasks = samples < 70 ? max(0, $PendingTasks.GetSample(1)) : max($PendingTasks.GetSample(1), max($PendingTasks.GetSample(TimeInterval_Minute * 5)));
$TargetDedicatedNodes = min(3, ceil(tasks / 2));
$TargetLowPriorityNodes = 0;
$NodeDeallocationOption = taskcompletion;
"""  # noqa: E501 - one statement


@pytest.mark.parametrize(("tasks", "nodes"), [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3), (500, 3)])
def test_the_formula_asks_for_nodes_by_the_tasks_there_are(tasks: int, nodes: int) -> None:
    assert Formula.parse(USUAL).nodes(tasks) == nodes


def test_the_most_nodes_are_those_for_endless_tasks_spot_nodes_included() -> None:
    assert Formula.parse(USUAL).most() == 3
    assert Formula.parse("$TargetLowPriorityNodes = min(4, $PendingTasks.GetSample(1));").most() == 4


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("(1 + 2) * 3", 9),
        ("-1 + 4", 3),
        ("2 > 1 && !(3 <= 2) || 0 ? 7 : 8", 7),
        ("1 == 2 ? 7 : 1 != 2 ? 5 : 6", 5),
        ("avg(2, 4) + sum(1, 2) + len(1, 1) + floor(1.9)", 9),
        ("TimeInterval_Hour / TimeInterval_Minute", 60),
        ("$TargetDedicatedNodes", 1),
        ("1 / 4", 0),
        ("0 - 5", 0),
    ],
)
def test_operators_bind_as_documented(expression: str, value: int) -> None:
    assert Formula.parse(f"$TargetDedicatedNodes = {expression};").nodes(0, current=1) == value


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "sets neither"),
        ("a = 1;", "sets neither"),
        ("$TargetDedicatedNodes = 1", "';' is expected"),
        ("$TargetDedicatedNodes = b;", "'b' is not defined"),
        ("$TargetDedicatedNodes = smallest(1, 2);", "'smallest' is unknown"),
        ("$PendingTasks = 1;", "'$PendingTasks' cannot be set"),
        ("$TargetDedicated = 1;", "'$TargetDedicated' cannot be set"),
        ("$TargetDedicatedNodes = 1 @ 2;", "'@' has no meaning, in line 1"),
        ("$TargetDedicatedNodes = 1; $NodeDeallocationOption = never;", "not 'never'"),
        ("$TargetDedicatedNodes = ;", "';' is not defined"),
        ("$TargetDedicatedNodes = 1;" * 101, "101 statements"),
    ],
)
def test_a_formula_that_azure_refuses_is_refused(text: str, named: str) -> None:
    with pytest.raises(AzureError) as refused:
        Formula.parse(text)
    assert (refused.value.status, refused.value.code) == (400, "AutoScalingFormulaSyntaxError")
    assert named in refused.value.message


def test_a_formula_of_more_than_8_kilobytes_is_refused() -> None:
    with pytest.raises(AzureError) as refused:
        Formula.parse("$TargetDedicatedNodes = 1;" + "//" * 5000)
    assert refused.value.code == "AutoScaleFormulaTooLong"


@pytest.mark.parametrize("expression", ["$CPUPercent.GetSample(1)", "rand()", "$PendingTasks.Count()"])
def test_what_only_azure_evaluates_answers_501(expression: str) -> None:
    with pytest.raises(AzureError) as refused:
        Formula.parse(f"$TargetDedicatedNodes = {expression};")
    assert refused.value.status == 501
