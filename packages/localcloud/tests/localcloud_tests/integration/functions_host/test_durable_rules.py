"""Rules of Durable Functions in Azure that differ from those of the in-memory engine.

`host` has default settings; the host.json of `other_host` sets AnyState and errors on raise.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import grpc
import pytest
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub

from localcloud_tests.integration.functions_host.hosts import RunningHost

pytestmark = pytest.mark.integration


def finished(host: RunningHost, new_id: str) -> str:
    host.start("double_twice", 1, new_id)
    assert host.output(new_id) == 4
    return new_id


def waiting(host: RunningHost, new_id: str) -> str:
    host.start("wait_for_approval", None, new_id)
    return new_id


def test_a_second_start_while_the_first_runs_already_exists(host: RunningHost, new_id: str) -> None:
    waiting(host, new_id)
    assert host.start("wait_for_approval", None, new_id) == "error: ALREADY_EXISTS"


def test_a_second_start_while_the_first_is_suspended_already_exists(host: RunningHost, new_id: str) -> None:
    waiting(host, new_id)
    host.durable("suspend", new_id)
    host.reaches(new_id, "Suspended")
    assert host.start("wait_for_approval", None, new_id) == "error: ALREADY_EXISTS"


def test_the_reuse_policy_of_a_request_is_ignored(host: RunningHost, new_id: str) -> None:
    waiting(host, new_id)
    refused = host.durable("start", new_id, name="wait_for_approval", reuse=True)
    assert refused == "error: ALREADY_EXISTS"


def test_a_start_of_a_completed_id_silently_runs_again(host: RunningHost, new_id: str) -> None:
    finished(host, new_id)
    assert host.start("double_twice", 10, new_id) == new_id
    assert host.output(new_id) == 40


def test_a_start_of_a_failed_id_silently_runs_again(host: RunningHost, new_id: str) -> None:
    host.start("failing", None, new_id)
    assert host.durable("wait", new_id)["status"] == "FAILED"
    host.start("double_twice", 1, new_id)
    assert host.output(new_id) == 4


def test_a_start_of_a_terminated_id_silently_runs_again(host: RunningHost, new_id: str) -> None:
    waiting(host, new_id)
    host.durable("terminate", new_id)
    assert host.durable("wait", new_id)["status"] == "TERMINATED"
    host.start("double_twice", 1, new_id)
    assert host.output(new_id) == 4


def test_any_state_replaces_what_still_runs(other_host: RunningHost, new_id: str) -> None:
    waiting(other_host, new_id)
    assert other_host.start("double_twice", 1, new_id) == new_id
    assert other_host.output(new_id) == 4


def test_an_event_for_a_missing_id_is_dropped(host: RunningHost, new_id: str) -> None:
    assert host.durable("raise", new_id, event="Approved") is None


def test_an_event_for_a_missing_id_is_an_error_where_the_app_asks_for_it(
    other_host: RunningHost, new_id: str
) -> None:
    assert other_host.durable("raise", new_id, event="Approved") == "error: UNKNOWN"


@pytest.mark.parametrize("which", ["host", "other_host"])
def test_an_event_for_a_finished_run_is_an_error(
    which: str, request: pytest.FixtureRequest, new_id: str
) -> None:
    running: RunningHost = request.getfixturevalue(which)
    finished(running, new_id)
    assert running.durable("raise", new_id, event="Approved") == "error: UNKNOWN"


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "rewind", "restart"])
def test_steering_a_missing_run_is_an_error(host: RunningHost, new_id: str, operation: str) -> None:
    assert host.durable(operation, new_id) == "error: UNKNOWN"


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "rewind"])
def test_steering_a_completed_run_is_an_error(host: RunningHost, new_id: str, operation: str) -> None:
    finished(host, new_id)
    assert host.durable(operation, new_id) == "error: UNKNOWN"


def test_purging_a_run_that_has_not_finished_deletes_nothing(host: RunningHost, new_id: str) -> None:
    waiting(host, new_id)
    assert host.durable("purge", new_id) == 0
    assert host.durable("state", new_id) is not None


def test_purging_a_finished_run_deletes_it(host: RunningHost, new_id: str) -> None:
    finished(host, new_id)
    assert host.durable("purge", new_id) == 1
    assert host.durable("state", new_id) is None


@pytest.mark.parametrize("id_", ["@starts", "a#b", "a\\b", "tab\tin", "x" * 257])
def test_an_id_that_the_host_refuses_is_an_internal_error(host: RunningHost, id_: str) -> None:
    assert host.start("double_twice", 1, quote(id_, safe="")) == "error: INTERNAL"


def test_an_unknown_orchestrator_cannot_be_started(host: RunningHost) -> None:
    assert host.start("no_such_orchestrator") == "error: INTERNAL"


def test_a_state_without_payloads_has_no_custom_status_and_no_failure(host: RunningHost, new_id: str) -> None:
    host.start("failing", None, new_id)
    host.durable("wait", new_id)
    assert host.durable("state", new_id, payloads=False)["failure"] is None
    assert host.durable("state", new_id)["failure"]["message"] == "gave up"


def test_the_worker_side_of_the_engine_is_not_offered_to_clients(host: RunningHost) -> None:
    address = host.wait_for_line(r"Opened local gRPC endpoint: http://(\S+)")[1]
    assert address.startswith("127.0.0.1:")
    make_stub: Callable[[grpc.Channel], Any] = TaskHubSidecarServiceStub
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refusal:
        next(make_stub(channel).GetWorkItems(pb.GetWorkItemsRequest()))
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_hub_is_named_by_host_json_also_through_a_setting(
    host: RunningHost, other_host: RunningHost
) -> None:
    for running, name in ((host, "SampleHub"), (other_host, "OtherHub")):
        response = running.http.post(f"/api/check/run-{uuid4().hex}")
        assert f"taskHub={name}" in response.json()["statusQueryGetUri"]
