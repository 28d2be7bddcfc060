"""Queries of runs: the window, the filters, and pages that neither repeat nor hide a run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from localcloud.datafactory.errors import BadRequestError
from localcloud.datafactory.queries import ACTIVITY_RUN_OPERANDS, PAGE, PIPELINE_RUN_OPERANDS, query
from localcloud.wire import timestamp

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def run(number: int, **fields: Any) -> dict[str, Any]:
    started = timestamp(NOON + timedelta(seconds=number))
    return {
        "runId": f"run-{number:04}",
        "pipelineName": "train",
        "status": "Succeeded",
        "runStart": started,
        "runEnd": None,
        "lastUpdated": started,
        "isLatest": True,
        "runGroupId": f"run-{number:04}",
        **fields,
    }


def ask(runs: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    window = {
        "lastUpdatedAfter": "2026-11-01T00:00:00Z",
        "lastUpdatedBefore": "2026-11-02T00:00:00.000Z",
    }
    return query(runs, "runId", PIPELINE_RUN_OPERANDS, window | fields)


def ids(answer: dict[str, Any]) -> list[str]:
    return [run["runId"] for run in answer["value"]]


def where(operand: str, operator: str, *values: str) -> list[dict[str, Any]]:
    return [{"operand": operand, "operator": operator, "values": list(values)}]


def test_only_runs_updated_inside_the_window_are_found() -> None:
    runs = [run(1), run(2, lastUpdated="2026-10-01T00:00:00.000000Z"), run(3)]
    assert ids(ask(runs)) == ["run-0003", "run-0001"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (where("PipelineName", "Equals", "train"), ["run-0001", "run-0003"]),
        (where("PipelineName", "NotIn", "train", "other"), []),
        (where("Status", "In", "Failed", "Cancelled"), ["run-0001", "run-0002"]),
        (where("Status", "NotEquals", "Failed"), ["run-0002", "run-0003"]),
        (where("RunStart", "Equals", "2026-11-01T13:00:01+01:00"), ["run-0001"]),
        (where("RunEnd", "NotEquals", "2026-11-01T12:00:01Z"), ["run-0001", "run-0002", "run-0003"]),
        (where("LatestOnly", "Equals", "true"), ["run-0002", "run-0003"]),
        (where("LatestOnly", "Equals", "false"), ["run-0001", "run-0002", "run-0003"]),
        (where("RunGroupId", "Equals", "run-0002"), ["run-0002"]),
    ],
)
def test_filters_keep_what_they_name(filters: list[dict[str, Any]], found: list[str]) -> None:
    runs = [
        run(1, status="Failed", isLatest=False),
        run(2, status="Cancelled", pipelineName="other"),
        run(3),
    ]
    oldest_first = [{"orderBy": "RunStart", "order": "ASC"}]
    assert ids(ask(runs, filters=filters, orderBy=oldest_first)) == found


def test_pages_neither_repeat_nor_hide_a_run_when_others_begin_and_end_between_them() -> None:
    runs = [run(number) for number in range(2 * PAGE + 50)]
    first = ask(runs, filters=where("Status", "Equals", "Succeeded"))
    last_of_first = next(each for each in runs if each["runId"] == ids(first)[-1])
    last_of_first["status"] = "Failed"
    runs.append(run(9999))
    second = ask(
        runs, filters=where("Status", "Equals", "Succeeded"), continuationToken=first["continuationToken"]
    )
    third = ask(
        runs, filters=where("Status", "Equals", "Succeeded"), continuationToken=second["continuationToken"]
    )
    assert "continuationToken" not in third
    seen = ids(first) + ids(second) + ids(third)
    assert seen == [f"run-{number:04}" for number in reversed(range(2 * PAGE + 50))]


def test_runs_of_the_same_moment_are_ordered_by_their_ids() -> None:
    runs = [run(1, runId=f"run-{number:04}") for number in range(PAGE + 1)]
    first = ask(runs)
    second = ask(runs, continuationToken=first["continuationToken"])
    assert len(set(ids(first) + ids(second))) == PAGE + 1


@pytest.mark.parametrize(
    "fields",
    [
        {"lastUpdatedAfter": None},
        {"lastUpdatedBefore": "yesterday"},
        {"filters": where("Parameters", "Equals", "x")},
        {"filters": where("Status", "Like", "x")},
        {"filters": where("Status", "In")},
        {"filters": where("RunStart", "Equals", "noon")},
        {"filters": "Status"},
        {"orderBy": [{"orderBy": "RunStart", "order": "UP"}]},
        {"continuationToken": "x"},
        {"continuationToken": "e30="},
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        ask([run(1)], **fields)


def test_activity_runs_have_operands_of_their_own() -> None:
    activity = {
        "activityRunId": "a",
        "activityName": "Train",
        "activityType": "Custom",
        "status": "Failed",
        "activityRunStart": timestamp(NOON),
        "activityRunEnd": None,
        "lastUpdated": timestamp(NOON),
    }
    window = {"lastUpdatedAfter": "2026-11-01T00:00:00Z", "lastUpdatedBefore": "2026-11-02T00:00:00Z"}
    asked = window | {"filters": where("ActivityName", "Equals", "Train")}
    assert query([activity], "activityRunId", ACTIVITY_RUN_OPERANDS, asked)["value"] == [activity]
    with pytest.raises(BadRequestError, match="PipelineName"):
        query(
            [], "activityRunId", ACTIVITY_RUN_OPERANDS, window | {"filters": where("PipelineName", "In", "x")}
        )
