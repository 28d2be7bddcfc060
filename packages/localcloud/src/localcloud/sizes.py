"""The VM sizes that localcloud knows, and quotas of cores by family, as Batch and Azure ML list them.

A machine has no quota, so the limit of each family is the same, and wide. Sources: "Location - List
Supported Virtual Machine Skus" and "Batch Account - Get" of Batch management; "Virtual Machine Sizes - List"
and "Usages - List" of Azure Machine Learning; "Sizes for virtual machines in Azure" for the sizes.
"""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from localcloud.service import Cloud, Service
from localcloud.wire import ArmRoute

QUOTA = 100
"""Cores of each family, for Batch and for Azure ML."""
BATCH = "Microsoft.Batch"
MACHINE_LEARNING = "Microsoft.MachineLearningServices"


@dataclass(frozen=True)
class Size:
    """memory: in GB."""

    name: str
    family: str
    cores: int
    memory: float


SIZES = (
    Size("Standard_D2s_v3", "standardDSv3Family", 2, 8),
    Size("Standard_D4s_v3", "standardDSv3Family", 4, 16),
    Size("Standard_D8s_v3", "standardDSv3Family", 8, 32),
    Size("Standard_D2s_v5", "standardDSv5Family", 2, 8),
    Size("Standard_D4s_v5", "standardDSv5Family", 4, 16),
    Size("Standard_DS2_v2", "standardDSv2Family", 2, 7),
    Size("Standard_DS3_v2", "standardDSv2Family", 4, 14),
    Size("Standard_E4s_v3", "standardESv3Family", 4, 32),
    Size("Standard_F4s_v2", "standardFSv2Family", 4, 8),
)
FAMILIES = tuple(sorted({each.family for each in SIZES}))


def service(cloud: Cloud) -> Service:
    """The lists that each subscription has for a region."""

    def listed(items: list[dict[str, Any]]) -> Any:
        async def answer(request: Request) -> Response:
            cloud.arm_caller(request)
            return JSONResponse({"value": items})

        return answer

    region = "/subscriptions/{subscription}/providers/{provider}/locations/{location}"
    lists = {
        (BATCH, "virtualMachineSkus"): [batch_size(each) for each in SIZES],
        (MACHINE_LEARNING, "vmSizes"): [machine_learning_size(each) for each in SIZES],
        (MACHINE_LEARNING, "usages"): [usage(each) for each in FAMILIES],
    }
    routes: list[BaseRoute] = [
        ArmRoute("GET", f"{region.replace('{provider}', provider)}/{what}", listed(items))
        for (provider, what), items in lists.items()
    ]
    return Service("sizes", routes)


def batch_size(size: Size) -> dict[str, Any]:
    values = {"vCPUs": size.cores, "MemoryGB": size.memory}
    return {
        "name": size.name,
        "familyName": size.family,
        "capabilities": [{"name": name, "value": f"{value:g}"} for name, value in values.items()],
        "batchSupportEndOfLife": None,
    }


def machine_learning_size(size: Size) -> dict[str, Any]:
    return {
        "name": size.name,
        "family": size.family,
        "vCPUs": size.cores,
        "gpus": 0,
        "memoryGB": size.memory,
        "lowPriorityCapable": True,
        "premiumIO": True,
        "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
    }


def usage(family: str) -> dict[str, Any]:
    return {
        "type": f"{MACHINE_LEARNING}/vmFamily/dedicatedCores/usages",
        "unit": "Count",
        "currentValue": 0,
        "limit": QUOTA,
        "name": {"value": family, "localizedValue": family},
    }


def batch_quotas() -> dict[str, Any]:
    """What a Batch account says of its quotas."""
    return {
        "dedicatedCoreQuota": QUOTA * len(FAMILIES),
        "dedicatedCoreQuotaPerVMFamily": [{"name": each, "coreQuota": QUOTA} for each in FAMILIES],
        "dedicatedCoreQuotaPerVMFamilyEnforced": True,
        "lowPriorityCoreQuota": QUOTA,
        "poolQuota": 1,
        "activeJobAndJobScheduleQuota": QUOTA,
    }
