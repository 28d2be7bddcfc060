"""Pipeline definitions: types of parameters, references between activities, and how a run's end is found."""

from typing import Any

import pytest
from localcloud.datafactory import reading
from localcloud.datafactory.errors import BadRequestError
from localcloud.datafactory.execution import culprits


def activity(name: str, *after: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "Custom",
        "linkedServiceName": {"referenceName": "batch", "type": "LinkedServiceReference"},
        "dependsOn": [{"activity": other, "dependencyConditions": [condition]} for other, condition in after],
        "typeProperties": {"command": "true"},
        **fields,
    }


@pytest.mark.parametrize(
    ("type_", "right", "wrong"),
    [
        ("String", "", 1),
        ("Int", 1, 1.5),
        ("Int", 0, True),
        ("Float", 1, "1"),
        ("Float", 0.5, False),
        ("Bool", True, 1),
        ("Array", [], {}),
        ("Object", {}, []),
        ("SecureString", "s", None),
    ],
)
def test_a_parameter_takes_values_of_its_type_only(type_: str, right: Any, wrong: Any) -> None:
    pipeline = reading.read("p", {"activities": [], "parameters": {"x": {"type": type_}}})
    assert pipeline.arguments({"x": right})["x"] == right
    with pytest.raises(BadRequestError, match="'x'"):
        pipeline.arguments({"x": wrong})


def test_an_activity_may_refer_to_every_activity_before_it_and_to_no_other() -> None:
    uses = {"command": "true", "extendedProperties": {"x": "@activity('A').output.exitcode"}}
    chain = [activity("A"), activity("B", ("A", "Succeeded")), activity("C", ("B", "Succeeded"))]
    reading.read("p", {"activities": [*chain[:2], chain[2] | {"typeProperties": uses}]})
    with pytest.raises(BadRequestError, match="'A'"):
        reading.read("p", {"activities": [chain[0], activity("Beside", typeProperties=uses)]})


@pytest.mark.parametrize(
    "properties",
    [
        {"activities": "x"},
        {"activities": [1]},
        {"activities": [{"type": "Custom"}]},
        {"activities": [activity("A"), activity("A")]},
        {"activities": [activity("A", linkedServiceName="batch")]},
        {"activities": [activity("A", typeProperties=None)]},
        {"activities": [activity("A", typeProperties={"command": "@concat("})]},
        {"activities": [activity("A", typeProperties={"command": 5})]},
        {"activities": [activity("A", policy={"retry": -1})]},
        {"activities": [activity("A", policy={"timeout": "00:00:00"})]},
        {"activities": [activity("A", ("A", "Succeeded"))]},
        {"activities": [activity("A", ("A", "Sometimes"))]},
        {"activities": [], "parameters": {"x": {"type": "Date"}}},
        {"activities": [], "parameters": {"x": {"type": "Int", "defaultValue": "1"}}},
        {"activities": [], "parameters": []},
        {"activities": [], "variables": {"x": {"type": "Int"}}},
        {"activities": [], "concurrency": 0},
        {"activities": [], "concurrency": "many"},
    ],
)
def test_a_definition_that_could_not_run_is_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        reading.read("p", properties)


@pytest.mark.parametrize("name", ["", "a/b", "a.b", "-a", "a" * 261, "a%2f", "../x"])
def test_a_name_that_the_service_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(BadRequestError):
        reading.read(name, {"activities": []})


@pytest.mark.parametrize(
    ("statuses", "failed"),
    [
        ({"A": "Succeeded", "B": "Succeeded", "Rescue": "Skipped"}, []),
        ({"A": "Failed", "B": "Skipped", "Rescue": "Succeeded"}, ["A"]),
        ({"A": "Succeeded", "B": "Failed", "Rescue": "Skipped"}, ["B"]),
        ({"A": "TimedOut", "B": "Skipped", "Rescue": "Failed"}, ["Rescue", "A"]),
    ],
)
def test_the_last_activities_of_the_branches_decide_how_a_run_ends(
    statuses: dict[str, str], failed: list[str]
) -> None:
    pipeline = reading.read(
        "p",
        {
            "activities": [
                activity("A"),
                activity("B", ("A", "Succeeded")),
                activity("Rescue", ("A", "Failed")),
            ]
        },
    )
    assert culprits(pipeline, statuses) == failed
