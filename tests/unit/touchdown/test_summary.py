"""The summary of a run: what it made, or why it made nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from runs.contracts import to_json
from tests.unit.rehearsed import CHOICE
from tests.unit.touchdown.example_runs import RUN, WAITING, text
from touchdown.cli import stages, summary


def test_a_run_that_waits_says_until_when_and_which_commands_decide() -> None:
    until = stages.local_time(datetime(2026, 11, 23, 17, 0, 2, tzinfo=UTC))
    printed = text(summary.summary(WAITING | {"outcome": ""}))
    for part in (until, "touchdown approve iris-1`", "touchdown reject iris-1`", "run-0123"):
        assert part in printed


def test_the_summary_says_what_was_made() -> None:
    run = RUN | {
        "status": "Succeeded",
        "outcome": "promoted",
        "metrics": {"accuracy": 0.9667},
        "model_name": "iris_classification",
        "model_version": "2",
        "endpoint": "iris-ab12cd",
        "deployment": "run-0123",
        "predictions": ["setosa", "virginica"],
    }
    printed = text(summary.summary(run))
    for part in (
        "iris_classification version 2",
        "accuracy 0.967",
        "iris-ab12cd",
        "run-0123",
        "setosa, virginica",
    ):
        assert part in printed


ENDED: dict[str, Any] = RUN | {"status": "Succeeded", "model_name": "wine_regression", "model_version": "3"}
GATE: dict[str, Any] = {
    "verdict": "keep_champion",
    "reasons": ["it is worse than the champion by 0.2, more than the tolerance of 0.01"],
    "metric": "accuracy",
    "value": 0.7,
    "floor": {"setting": "min_accuracy", "limit": 0.6, "passed": True},
    "baseline": {
        "name": "majority class",
        "value": 0.4,
        "rows": 30,
        "interval": [-0.5, -0.1],
        "passed": True,
    },
    "champion": {
        "model": "wine_classification:2",
        "rows": 30,
        "value": 0.9,
        "challenger": 0.7,
        "tolerance": 0.01,
        "interval": [0.05, 0.35],
        "passed": False,
        "error": "",
    },
}


def test_a_model_that_is_not_deployed_says_why_and_shows_both_numbers() -> None:
    printed = text(
        summary.summary(ENDED | {"outcome": "kept_champion", "gate": GATE, "verdict": "keep_champion"})
    )
    for part in (
        "the model is registered and not deployed; the default stays",
        "accuracy 0.700; min_accuracy 0.600 (passed); majority class 0.400 (passed)",
        "wine_classification:2 0.900, this model 0.700 on the same 30 rows, worse by 0.050 to 0.350 (95 %"
        " interval); tolerance 0.010 (not passed)",
        "it is worse than the champion by 0.2",
    ):
        assert part in printed


def test_a_champions_rmse_is_compared_by_its_share() -> None:
    champion = GATE["champion"] | {"value": 4.321, "challenger": 4.405, "interval": [-0.0027, 0.0427]}
    gate = GATE | {"metric": "rmse", "value": 4.405, "floor": None, "champion": champion}
    printed = text(summary.summary(ENDED | {"outcome": "promoted", "gate": gate}))
    assert "2 4.321, this model 4.405 on the same 30 rows, worse by -0.3% to 4.3% (95 % interval)" in printed
    assert "tolerance 1.0%" in printed


def test_a_champion_that_could_not_score_says_why_it_was_not_compared() -> None:
    champion = GATE["champion"] | {
        "value": None,
        "challenger": None,
        "interval": None,
        "passed": True,
        "error": "it needs the column 'acid', which is not there",
    }
    gate = GATE | {"verdict": "deploy", "reasons": [], "floor": None, "champion": champion}
    printed = text(summary.summary(ENDED | {"outcome": "promoted", "gate": gate}))
    assert "wine_classification:2 was not compared: it needs the column 'acid'" in printed
    assert "why not" not in printed


def test_a_regression_shows_its_errors_with_digits_that_tell() -> None:
    metrics = {"rmse": 0.0001234567, "mae": 12345.678, "r2": 0.98765}
    run = ENDED | {"outcome": "promoted", "task": "regression", "algorithm": "boosting", "metrics": metrics}
    printed = text(summary.summary(run))
    assert "regression, boosting" in printed
    assert "rmse 0.0001235, mae 1.235e+04, r2 0.9877" in printed


@pytest.mark.parametrize(
    ("decision", "outcome", "expected"),
    [
        ("approved", "promoted", "approved by default"),
        ("rejected", "rejected", "rejected by default"),
        ("timed_out", "approval_timed_out", "timed out by default"),
    ],
)
def test_a_decision_is_shown_with_who_when_and_why(decision: str, outcome: str, expected: str) -> None:
    at = "2026-11-23T16:00:00Z"
    taken = {"decision": decision, "by": "default", "at": at, "comment": "[b]seen[/b]"}
    printed = text(summary.summary(ENDED | {"outcome": outcome, "approval": taken}))
    assert f"{expected} at {stages.local_time(datetime.fromisoformat(at))}: [b]seen[/b]" in printed
    assert ("the default stays" in printed) is (outcome != "promoted")


def test_a_run_that_left_its_dataset_to_another_run_names_that_run_and_no_deployment() -> None:
    run = RUN | {"status": "Succeeded", "outcome": "superseded", "superseded_by": "iris-2"}
    printed = " ".join(text(summary.summary(run)).split())
    assert (
        "superseded: the dataset changed before this run read it, and run iris-2 has it as it is now"
        in printed
    )
    assert "deployment" not in printed


def test_a_run_whose_deployment_is_not_the_default_because_of_a_newer_one_says_so() -> None:
    run = RUN | {"status": "Succeeded", "outcome": "superseded", "superseded_by": ""}
    printed = " ".join(text(summary.summary(run)).split())
    assert "superseded: the deployment of a newer upload is the default" in printed


def test_what_the_model_leaves_out_and_where_the_report_is_are_shown() -> None:
    run = ENDED | {
        "outcome": "promoted",
        "dropped_columns": [{"column": f"c{number}", "why": "constant"} for number in range(40)],
        "dropped_rows": 3,
        "notes": ["column 'a' stood twice: the second is 'a.1'"],
        "report": "runs/iris-1/report.html",
    }
    printed = text(summary.summary(run))
    for part in ("c9 (constant), 30 more, 3 rows without a label", "the second is 'a.1'"):
        assert part in printed
    assert "touchdown report iris-1" in printed
    assert "c10" not in printed


def test_what_the_model_was_chosen_from_is_shown_with_scores_times_and_weights() -> None:
    printed = " ".join(text(summary.summary(ENDED | {"choice": to_json(CHOICE)})).split())
    for part in (
        "choice blend, by the log loss of 120 training rows, which is not the model's quality",
        "candidate logistic regression (C 10): 0.14, 0.2 s, 85 % of the model",
        "candidate boosting (50 rounds at rate 0.1): 0.21, 1.5 s, 15 % of the model",
        "candidate blend (85 % logistic regression and 15 % boosting): 0.13, the model",
    ):
        assert part in printed


def test_a_candidate_without_a_share_and_one_without_a_comparison_say_so() -> None:
    lost = {"name": "boosting", "settings": "9 rounds", "score": 0.5, "seconds": 1.0, "weight": 0.0}
    assert summary.candidate(lost) == "boosting (9 rounds): 0.5, 1.0 s, no part of the model"
    only = {"name": "ridge regression", "settings": "alpha 1", "score": None, "seconds": 0.5, "weight": 1.0}
    choice = {"metric": "RMSE", "rows": 0, "folds": 0, "selected": "ridge regression", "candidates": [only]}
    printed = " ".join(text(summary.summary(ENDED | {"choice": choice})).split())
    assert "choice ridge regression, as there were too few rows to compare" in printed
    assert "candidate ridge regression (alpha 1): 0.5 s, the model" in printed


@pytest.mark.parametrize("choice", [{}, {"choice": None}], ids=["older record", "algorithm by name"])
def test_a_run_without_a_choice_shows_none(choice: dict[str, Any]) -> None:
    assert "candidate" not in text(summary.summary(ENDED | choice))


def test_what_others_wrote_is_text_and_not_markup() -> None:
    error = {"stage": "wait", "code": "TrainingFailed", "message": "column [red]a[/red] [bold"}
    assert "column [red]a[/red] [bold" in text(summary.summary(RUN | {"status": "Failed", "error": error}))
