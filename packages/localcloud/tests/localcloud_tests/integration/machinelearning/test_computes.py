"""AmlCompute clusters, through MLClient."""

import re
from typing import Any

import pytest
from azure.ai.ml.entities import AmlCompute
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from localcloud.identities import object_id_of

from localcloud_tests.integration.machinelearning.conftest import Workbench


def cluster(name: str, size: str = "Standard_DS3_v2", nodes: int = 2) -> AmlCompute:
    return AmlCompute(name=name, size=size, min_instances=0, max_instances=nodes, location="localcloud")


def test_a_cluster_is_made_replaced_and_deleted(bench: Workbench) -> None:
    slowly = {"action": "delay", "seconds": 1, "where": {"name": "^short-lived$"}}
    with bench.fault(point="machinelearning.compute", **slowly):
        poller = bench.ml.compute.begin_create_or_update(cluster("short-lived"))
    assert bench.ml.compute.get("short-lived").provisioning_state == "Creating"
    made = poller.result()
    assert (made.provisioning_state, made.max_instances, made.tier) == ("Succeeded", 2, "dedicated")
    assert (
        bench.ml.compute.begin_create_or_update(cluster("short-lived", nodes=5)).result().max_instances == 5
    )
    assert "short-lived" in [compute.name for compute in bench.ml.compute.list()]
    bench.ml.compute.begin_delete("short-lived").wait()
    with pytest.raises(ResourceNotFoundError):
        bench.ml.compute.get("short-lived")


def test_the_vm_size_of_a_cluster_is_fixed(bench: Workbench) -> None:
    bench.ml.compute.begin_create_or_update(cluster("sized")).wait()
    with pytest.raises(HttpResponseError, match="cannot be changed from Standard_DS3_v2 to Standard_D8"):
        bench.ml.compute.begin_create_or_update(cluster("sized", size="Standard_D8"))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"vmPriority": "LowPriority"}, "VM priority .* from Dedicated to LowPriority"),
        ({"subnet": {"id": "/subnets/other"}}, "subnet .* from none to /subnets/other"),
    ],
)
def test_the_priority_and_the_subnet_of_a_cluster_are_fixed(
    bench: Workbench, change: dict[str, Any], what: str
) -> None:
    inner = {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1}}
    changed = {"computeType": "AmlCompute", "properties": inner | change}
    bench.compute("fixed")
    answer = bench.arm("PUT", "computes/fixed", json={"location": "localcloud", "properties": changed})
    assert answer.status_code == 400
    assert re.search(what, answer.json()["error"]["message"])


def test_a_cluster_takes_only_identities_that_exist(bench: Workbench) -> None:
    identity = bench.identity("of-cluster")
    bench.compute("identified", identity=identity)
    assigned = bench.arm("GET", "computes/identified").json()["identity"]["userAssignedIdentities"]
    assert list(assigned) == [identity]
    assert assigned[identity]["principalId"] == object_id_of(identity)
    with pytest.raises(HttpResponseError, match="was not found"):
        bench.compute("unidentified", identity=f"{identity}s")


def test_a_second_put_during_an_operation_is_a_conflict(bench: Workbench) -> None:
    with bench.fault(point="machinelearning.compute", action="delay", seconds=600, where={"name": "^busy$"}):
        bench.ml.compute.begin_create_or_update(cluster("busy"))
        with pytest.raises(ResourceExistsError, match="is Creating"):
            bench.ml.compute.begin_create_or_update(cluster("busy"))


def test_a_failing_operation_leaves_the_cluster_failed(bench: Workbench) -> None:
    fault = {"action": "error", "code": "ClusterMinNodesExceedCoreQuota", "message": "The quota is used up."}
    with (
        bench.fault(point="machinelearning.compute", where={"name": "^poor$"}, **fault),
        pytest.raises(HttpResponseError, match="The quota is used up"),
    ):
        bench.ml.compute.begin_create_or_update(cluster("poor")).result()
    assert bench.ml.compute.get("poor").provisioning_state == "Failed"


@pytest.mark.parametrize("name", ["cpu-1", "1cpu", "ab", "a" * 25, "cpu_x"])
def test_a_name_that_azure_refuses_is_refused(bench: Workbench, name: str) -> None:
    with pytest.raises(HttpResponseError, match="is invalid"):
        bench.ml.compute.begin_create_or_update(cluster(name))
