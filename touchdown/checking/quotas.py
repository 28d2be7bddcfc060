"""Whether there is quota for a node of the Batch pool and for one of the scoring cluster."""

from collections.abc import Iterator

from touchdown.checking.deployment import BATCH, SITE, WORKSPACE, Deployment, following, pages
from touchdown.checking.findings import Finding, Outcome
from touchdown.connection import Json

NO_BATCH_CORES = "`wait` for more than 30 minutes, and the pool has no nodes"
NO_CLUSTER_CORES = "`ProvisioningFailed` at `ensure_compute`, `ClusterMinNodesExceedCoreQuota`"
NO_LIMIT = -1
"""The limit of a family that only the region's total limits."""
TOTAL = "totalclusterdedicatedregionalvcpus"
"""The name of the region's total of dedicated cores, as `names_of` has it."""
SPOT = "$TargetDedicatedNodes = 0"
"""What the formula of a pool of spot nodes says."""


def batch(found: Deployment) -> Iterator[Finding]:
    """Whether the quota of the Batch account is enough for one node of each of its pools.

    Source: "Batch Account - Get": dedicatedCoreQuotaPerVMFamily counts where
    dedicatedCoreQuotaPerVMFamilyEnforced is true; "Location - List Supported Virtual Machine Skus".
    """
    account = found.one(BATCH)
    properties = found.get(account)["properties"]
    location = found.get(account)["location"]
    pools = [*pages(found.connection, account, "/pools")]
    if not pools:
        yield Finding(
            "batch quota", Outcome.FAILED, "the Batch account has no pool: deploy with deployPool=true."
        )
        return
    sizes = subscription_list(found, "Microsoft.Batch", location, "virtualMachineSkus", "2025-06-01")
    for pool in pools:
        yield pool_quota(pool["name"], pool["properties"], properties, sizes)


def pool_quota(name: str, pool: Json, account: Json, sizes: list[Json]) -> Finding:
    size = str(pool["vmSize"])
    known = [each for each in sizes if each["name"].lower() == size.lower()]
    if not known:
        message = f"pool {name}: Batch does not list {size}, so its family and cores are unknown."
        return Finding("batch quota", Outcome.NOT_CHECKED, message)
    family = str(known[0]["familyName"])
    values = {each["name"]: each["value"] for each in known[0].get("capabilities", [])}
    cores = int(values.get("vCPUs", 1))
    formula = ((pool.get("scaleSettings") or {}).get("autoScale") or {}).get("formula", "")
    if SPOT in formula:
        quota, of = int(account.get("lowPriorityCoreQuota") or 0), "spot nodes"
    elif account.get("dedicatedCoreQuotaPerVMFamilyEnforced"):
        families = {
            each["name"].lower(): each["coreQuota"] for each in account["dedicatedCoreQuotaPerVMFamily"]
        }
        quota, of = int(families.get(family.lower(), 0)), family
    else:
        quota, of = int(account.get("dedicatedCoreQuota") or 0), "dedicated nodes"
    return enough(
        "batch quota", f"pool {name} ({size})", cores, quota, f"Batch cores of {of}", NO_BATCH_CORES
    )


def cluster(found: Deployment) -> Iterator[Finding]:
    """Whether the quota of Azure ML is enough for one node of the scoring cluster.

    Sources: "Usages - List" and "Virtual Machine Sizes - List" of Azure Machine Learning.
    """
    listed = found.get(found.one(SITE), "/config/appsettings/list", "POST")["properties"]
    size, name = str(listed.get("TOUCHDOWN_VM_SIZE", "")), str(listed.get("TOUCHDOWN_COMPUTE_NAME", ""))
    location = found.get(found.one(WORKSPACE))["location"]
    provider, version = "Microsoft.MachineLearningServices", "2025-12-01"
    sizes = subscription_list(found, provider, location, "vmSizes", version)
    known = [each for each in sizes if each["name"].lower() == size.lower()]
    if not known:
        message = f"cluster {name}: Azure ML does not list {size or 'its size'} in {location}."
        yield Finding("cluster quota", Outcome.FAILED, message, NO_CLUSTER_CORES)
        return
    family, cores = str(known[0]["family"]), int(known[0]["vCPUs"])
    usages = subscription_list(found, provider, location, "usages", version)
    limits = [int(each["limit"]) for each in usages if counts(each, family)]
    if NO_LIMIT in limits:
        limits = [int(each["limit"]) for each in usages if TOTAL in names_of(each)] or [cores]
    quota = max(limits, default=0)
    what = f"Azure ML cores of {family}"
    yield enough("cluster quota", f"cluster {name} ({size})", cores, quota, what, NO_CLUSTER_CORES)


def counts(usage: Json, family: str) -> bool:
    """Whether a usage is that of the dedicated cores of a VM family.

    Its name is the family, standardDSv2Family, or its display name, "Standard DSv2 Family Cluster Dedicated
    vCPUs": the sample of "Usages - List" has the latter, users report the former.
    """
    if "lowpriority" in str(usage.get("type", "")).lower():
        return False
    return not names_of(usage).isdisjoint({family.lower(), f"{family.lower()}clusterdedicatedvcpus"})


def names_of(usage: Json) -> set[str]:
    """The names of a usage in small letters, without spaces."""
    return {str(each).replace(" ", "").lower() for each in (usage.get("name") or {}).values()}


def enough(check: str, what: str, cores: int, quota: int, of: str, row: str) -> Finding:
    if quota >= cores:
        return Finding(check, Outcome.OK, f"{what} needs {cores} cores a node; the quota is {quota} {of}.")
    message = f"{what} needs {cores} cores a node, and the quota is {quota} {of}: ask for more in the portal."
    return Finding(check, Outcome.FAILED, message, row)


def subscription_list(found: Deployment, provider: str, location: str, what: str, version: str) -> list[Json]:
    """A list that a provider has for a region, of all its pages. Raises ApiError.

    location: the region's name or its display name; some providers answer with the latter.
    """
    from localcloud.regions import region_of

    region = region_of(location)
    path = f"/subscriptions/{found.target.subscription}/providers/{provider}/locations/{region}/{what}"
    answer = found.connection.resource_manager("GET", path, params={"api-version": version})
    items: list[Json] = list(answer["value"])
    while link := answer.get("nextLink"):
        answer = following(found.connection, str(link))
        items += answer["value"]
    return items
