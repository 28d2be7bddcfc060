"""What a deployment that failed says to a person: each refusal once, and of which resource."""

from typing import Any

from localcloud.deploying import DeploymentFailedError

POOL = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/b/pools/p"


def text(*details: dict[str, Any]) -> list[str]:
    error = {"code": "DeploymentFailed", "message": "At least one operation failed.", "details": [*details]}
    first, *lines = str(DeploymentFailedError("main", error | {"target": "/deployments/main"})).splitlines()
    assert first == "the deployment 'main' failed."
    return lines


def test_parts_of_what_was_said_are_not_said_again() -> None:
    inner = {
        "code": "InvalidPropertyValue",
        "message": "The value is wrong. (properties.vmSize)",
        "target": "BatchAccount",
        "details": [
            {"code": "Reason", "message": "The value is wrong."},
            {"code": "PropertyPath", "message": "properties.vmSize"},
        ],
    }
    outer = {"code": inner["code"], "message": inner["message"], "target": POOL, "details": [inner]}
    assert text(outer) == [f"{POOL}: InvalidPropertyValue: The value is wrong. (properties.vmSize)"]


def test_each_error_in_another_names_the_resource_that_was_refused() -> None:
    two = [{"code": "A", "message": "One.", "target": "name"}, {"code": "B", "message": "Two."}]
    outer = {"code": "Conflict", "message": "See the details.", "target": POOL, "details": two}
    assert text(outer) == [f"{POOL}: A: One.", f"{POOL}: B: Two."]


def test_an_error_without_details_is_said_as_it_is() -> None:
    assert text() == ["/deployments/main: DeploymentFailed: At least one operation failed."]
