"""VM sizes and quotas, as Batch and Azure ML list them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from localcloud.testing import ROOT, Manager, manager


@pytest.fixture
async def arm(tmp_path: Path) -> AsyncIterator[Manager]:
    async with manager(tmp_path) as opened:
        yield opened


async def test_batch_lists_sizes_whose_families_have_a_quota(arm: Manager) -> None:
    path = f"{ROOT}/providers/Microsoft.Batch/locations/westeurope/virtualMachineSkus"
    sizes = {each["name"]: each for each in (await arm.send("GET", path)).json()["value"]}
    small = sizes["Standard_D2s_v3"]
    assert small["familyName"] == "standardDSv3Family"
    assert {"name": "vCPUs", "value": "2"} in small["capabilities"]


async def test_azure_ml_lists_sizes_and_a_usage_for_each_of_their_families(arm: Manager) -> None:
    path = f"{ROOT}/providers/Microsoft.MachineLearningServices/locations/westeurope"
    sizes = (await arm.send("GET", f"{path}/vmSizes")).json()["value"]
    usages = (await arm.send("GET", f"{path}/usages")).json()["value"]
    assert {each["family"] for each in sizes} == {each["name"]["value"] for each in usages}
    [size] = [each for each in sizes if each["name"] == "Standard_DS3_v2"]
    assert (size["family"], size["vCPUs"]) == ("standardDSv2Family", 4)
    assert all(each["currentValue"] < each["limit"] for each in usages)


@pytest.mark.parametrize("provider", ["Microsoft.Batch", "Microsoft.MachineLearningServices"])
async def test_the_lists_want_a_token(arm: Manager, provider: str) -> None:
    what = "virtualMachineSkus" if provider == "Microsoft.Batch" else "usages"
    answer = await arm.http.get(
        f"{ROOT}/providers/{provider}/locations/x/{what}",
        params={"api-version": "2025-06-01"},
        headers={"Authorization": ""},
    )
    assert answer.status_code == 401
