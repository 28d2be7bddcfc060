"""What a PATCH changes of a Batch account, and what it refuses. A PUT changes nothing of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from localcloud.testing import GROUP, Manager, manager

ACCOUNT = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/batches1"
VERSION = {"api-version": "2024-07-01"}
BOTH = {"properties": {"allowedAuthenticationModes": ["AAD", "SharedKey"]}}


@pytest.fixture
async def arm(tmp_path: Path) -> AsyncIterator[Manager]:
    async with manager(tmp_path) as opened:
        await opened.send("PUT", GROUP, {"location": "westeurope"})
        body = {"location": "westeurope", "properties": {"allowedAuthenticationModes": ["AAD"]}}
        assert (await opened.send("PUT", ACCOUNT, body, **VERSION)).status_code == 201
        yield opened


async def refusal(arm: Manager, method: str, body: dict[str, Any]) -> str:
    answer = await arm.send(method, ACCOUNT, body, **VERSION)
    assert answer.status_code == 400
    return str(answer.json()["error"]["code"])


async def test_a_patch_changes_how_clients_authenticate_and_a_put_may_repeat_it(arm: Manager) -> None:
    put = {"location": "westeurope", **BOTH}
    assert await refusal(arm, "PUT", put) == "PropertyCannotBeUpdated"
    changed = await arm.send("PATCH", ACCOUNT, {**BOTH, "tags": {"a": "b"}}, **VERSION)
    assert changed.status_code == 200
    found = (await arm.send("GET", ACCOUNT, **VERSION)).json()
    assert found["properties"]["allowedAuthenticationModes"] == ["AAD", "SharedKey"]
    assert (found["location"], found["tags"]) == ("westeurope", {"a": "b"})
    assert (await arm.send("PUT", ACCOUNT, put, **VERSION)).status_code == 200


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"poolAllocationMode": "UserSubscription"}, "PropertyCannotBeUpdated"),
        ({"allowedAuthenticationModes": ["Keys"]}, "InvalidPropertyValue"),
        ({"autoStorage": {}}, "MissingRequiredProperty"),
    ],
)
async def test_a_patch_that_batch_would_refuse_changes_nothing(
    arm: Manager, properties: dict[str, Any], code: str
) -> None:
    before = (await arm.send("GET", ACCOUNT, **VERSION)).json()
    assert await refusal(arm, "PATCH", {"properties": properties}) == code
    assert (await arm.send("GET", ACCOUNT, **VERSION)).json() == before


async def test_there_is_no_patch_of_an_account_that_does_not_exist(arm: Manager) -> None:
    assert (await arm.send("PATCH", f"{ACCOUNT}2", BOTH, **VERSION)).status_code == 404
