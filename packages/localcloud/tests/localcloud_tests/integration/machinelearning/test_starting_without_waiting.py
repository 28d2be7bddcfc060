"""Long-running operations that one activity starts and another one polls.

An SDK's poller polls in a daemon thread of its own until the operation ends. The thread delays nothing and
keeps its errors in the poller; an activity that polls later needs only the operation's URL.
"""

import base64
import json
import subprocess
import sys
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.core.pipeline.transport import RequestsTransport
from localcloud.home import SUBSCRIPTION

from localcloud_tests.integration.machinelearning.conftest import DATASTORE_PATHS, Workbench, wait_until
from localcloud_tests.resources import RESOURCE_GROUP, WORKSPACE


@pytest.fixture
def undeployable(bench: Workbench) -> Any:
    bench.compute()
    return bench.deployment(bench.endpoint(), bench.register(f"{DATASTORE_PATHS}/nothing/here"))


def outcome(bench: Workbench, url: str) -> dict[str, Any]:
    """The final status of an operation, read with its URL and a token only."""
    path = url.removeprefix(bench.home.resource_manager)
    answer = wait_until(lambda: (got := bench.request("GET", path).json())["status"] != "InProgress" and got)
    assert isinstance(answer, dict)
    return answer


def test_a_continuation_token_carries_the_url_of_the_operation(bench: Workbench, undeployable: Any) -> None:
    poller = bench.ml.batch_deployments.begin_create_or_update(undeployable)
    token = json.loads(base64.b64decode(poller.continuation_token()))
    ended = outcome(bench, token["data"]["response"]["headers"]["azure-asyncoperation"])
    assert (ended["status"], "has no files" in ended["error"]["message"]) == ("Failed", True)


def test_a_response_hook_of_the_client_sees_the_url_of_the_operation(
    bench: Workbench, undeployable: Any
) -> None:
    seen: list[str] = []

    def note(response: Any) -> None:
        if url := response.http_response.headers.get("Azure-AsyncOperation"):
            seen.append(url)

    with RequestsTransport() as transport:
        options = {"raw_response_hook": note, "transport": transport}
        ml = MLClient(bench.credential, SUBSCRIPTION, RESOURCE_GROUP, WORKSPACE, **options)
        ml.batch_deployments.begin_create_or_update(undeployable)
    [url] = seen
    assert outcome(bench, url)["status"] == "Failed"


def test_the_state_of_the_deployment_is_enough_to_see_that_it_ended(
    bench: Workbench, undeployable: Any
) -> None:
    bench.ml.batch_deployments.begin_create_or_update(undeployable)
    name, endpoint = undeployable.name, undeployable.endpoint_name
    assert (
        bench.settled(lambda: bench.ml.batch_deployments.get(name, endpoint)).provisioning_state == "Failed"
    )


def test_a_process_ends_while_the_pollers_thread_still_asks(bench: Workbench) -> None:
    script = (
        "from azure.ai.ml import MLClient\n"
        "from azure.ai.ml.entities import BatchEndpoint\n"
        "from azure.identity import DefaultAzureCredential\n"
        f"ml = MLClient(DefaultAzureCredential(), {SUBSCRIPTION!r}, {RESOURCE_GROUP!r}, {WORKSPACE!r})\n"
        "ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name='left-alone'))\n"
    )
    where = {"name": "^left-alone$"}
    with bench.fault(point="machinelearning.endpoint", action="delay", seconds=600, where=where):
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert bench.ml.batch_endpoints.get("left-alone").provisioning_state == "Creating"
