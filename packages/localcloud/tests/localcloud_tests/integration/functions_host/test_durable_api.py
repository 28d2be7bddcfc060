"""The durable management API over HTTP: its routes, answers and keys."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from localcloud_tests.integration.functions_host.hosts import RunningHost

pytestmark = pytest.mark.integration


@pytest.fixture
def waiting(host: RunningHost, new_id: str) -> str:
    """A run that waits for an event, after its first turn."""
    host.start("wait_for_approval", None, new_id)
    host.reaches(new_id, "Running")
    return new_id


@pytest.fixture
def completed(host: RunningHost, new_id: str) -> str:
    host.start("double_twice", 3, new_id)
    host.ended(new_id)
    return new_id


@pytest.fixture
def failed(host: RunningHost, new_id: str) -> str:
    host.start("failing", {"a": 1}, new_id)
    host.ended(new_id)
    return new_id


def test_the_state_of_a_run_under_way_is_202_and_says_where_to_poll(host: RunningHost, waiting: str) -> None:
    response = host.management("GET", f"instances/{waiting}")
    assert response.status_code == 202
    assert response.headers["location"] == str(response.url)
    assert response.headers["retry-after"] == "5"
    body = response.json()
    assert (body["name"], body["runtimeStatus"], body["customStatus"]) == (
        "wait_for_approval",
        "Running",
        "waiting",
    )


def test_the_state_of_a_completed_run_is_200_with_input_and_output(host: RunningHost, completed: str) -> None:
    response = host.management("GET", f"instances/{completed}")
    body = response.json()
    assert response.status_code == 200
    assert (body["instanceId"], body["runtimeStatus"]) == (completed, "Completed")
    assert (body["input"], body["output"]) == (3, 12)
    assert datetime.fromisoformat(body["createdTime"]) <= datetime.fromisoformat(body["lastUpdatedTime"])
    assert body["historyEvents"] is None


def test_the_input_is_left_out_when_it_is_not_wanted(host: RunningHost, completed: str) -> None:
    response = host.management("GET", f"instances/{completed}", params={"showInput": "false"})
    assert response.json()["input"] is None


def test_a_failed_run_is_200_or_500_as_asked(host: RunningHost, failed: str) -> None:
    assert host.management("GET", f"instances/{failed}").json()["output"] == "gave up"
    asked = {"returnInternalServerErrorOnFailure": "true"}
    assert host.management("GET", f"instances/{failed}", params=asked).status_code == 500


def test_the_history_includes_outputs_on_request(host: RunningHost, completed: str) -> None:
    asked = {"showHistory": "true", "showHistoryOutput": "true"}
    history = host.management("GET", f"instances/{completed}", params=asked).json()["historyEvents"]
    assert [event["EventType"] for event in history] == [
        "ExecutionStarted",
        "TaskCompleted",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    assert [event.get("Result") for event in history[1:]] == [6, 12, 12]
    assert history[1]["FunctionName"] == "double"
    assert all(event["Timestamp"] > "2020" for event in history)


def test_an_instance_that_does_not_exist_is_404_everywhere(host: RunningHost, new_id: str) -> None:
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/raiseEvent/x"),
        ("POST", "/terminate"),
        ("POST", "/suspend"),
        ("POST", "/resume"),
        ("POST", "/rewind"),
    ):
        assert host.management(method, f"instances/{new_id}{path}", json={}).status_code == 404, path


def test_steering_a_finished_run_is_410(host: RunningHost, completed: str) -> None:
    for operation in ("raiseEvent/x", "terminate", "suspend", "resume", "rewind"):
        response = host.management("POST", f"instances/{completed}/{operation}", json={})
        assert response.status_code == 410, operation


def test_an_event_reaches_the_run(host: RunningHost, waiting: str) -> None:
    path = f"instances/{waiting}/raiseEvent/Approved"
    assert host.management("POST", path, json={"by": "http"}).status_code == 202
    assert host.output(waiting) == {"by": "http"}


def test_an_event_without_json_is_400(host: RunningHost, waiting: str) -> None:
    path = f"instances/{waiting}/raiseEvent/Approved"
    as_json = {"content-type": "application/json"}
    assert host.management("POST", path, content="plain").status_code == 400
    assert host.management("POST", path, content="{", headers=as_json).status_code == 400


def test_terminate_ends_a_run_with_its_reason(host: RunningHost, waiting: str) -> None:
    response = host.management(
        "POST", f"instances/{waiting}/terminate", params={"reason": "no longer wanted"}
    )
    assert response.status_code == 202
    state = host.ended(waiting)
    assert (state["runtimeStatus"], state["output"]) == ("Terminated", "no longer wanted")


def test_suspend_and_resume_are_202_and_seen_in_the_state(host: RunningHost, waiting: str) -> None:
    assert host.management("POST", f"instances/{waiting}/suspend", params={"reason": "r"}).status_code == 202
    host.reaches(waiting, "Suspended")
    assert host.management("GET", f"instances/{waiting}").json()["runtimeStatus"] == "Suspended"
    assert host.management("POST", f"instances/{waiting}/resume").status_code == 202
    host.management("POST", f"instances/{waiting}/raiseEvent/Approved", json="resumed")
    assert host.output(waiting) == "resumed"


def test_rewind_repeats_what_failed(host: RunningHost, new_id: str) -> None:
    host.start("mending", new_id, new_id)
    assert host.ended(new_id)["runtimeStatus"] == "Failed"
    assert (
        host.management("POST", f"instances/{new_id}/rewind", params={"reason": "again"}).status_code == 202
    )
    assert host.output(new_id) == 2


def test_start_is_202_with_urls_that_work(host: RunningHost, new_id: str) -> None:
    response = host.management("POST", f"orchestrators/wait_for_approval/{new_id}")
    assert (response.status_code, response.headers["retry-after"]) == (202, "10")
    urls = response.json()
    assert urls["id"] == new_id
    assert response.headers["location"] == urls["statusQueryGetUri"]
    assert host.http.get(urls["statusQueryGetUri"]).status_code == 202
    event = urls["sendEventPostUri"].replace("{eventName}", "Approved")
    assert host.http.post(event, json="yes").status_code == 202
    assert host.output(new_id) == "yes"
    assert host.http.delete(urls["purgeHistoryDeleteUri"]).json() == {"instancesDeleted": 1}


def test_a_start_by_the_sites_name_is_answered_with_urls_by_that_name(host: RunningHost, new_id: str) -> None:
    name = {"Host": "app.azurewebsites.0.localcloud.test"}
    started = host.management("POST", f"orchestrators/wait_for_approval/{new_id}", headers=name).json()
    assert started["statusQueryGetUri"].startswith(f"https://{name['Host']}/runtime/webhooks/durabletask/")
    other = host.management("POST", f"orchestrators/wait_for_approval/{new_id}-2").json()
    assert other["statusQueryGetUri"].startswith(f"{host.url}/runtime/")


def test_the_sdks_check_status_response_gives_urls_that_work(host: RunningHost, new_id: str) -> None:
    response = host.http.post(f"/api/check/{new_id}")
    urls = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == urls["statusQueryGetUri"]
    assert host.http.get(urls["statusQueryGetUri"]).status_code == 202
    assert host.http.post(urls["suspendPostUri"].replace("{text}", "why")).status_code == 202
    host.reaches(new_id, "Suspended")
    assert host.http.post(urls["resumePostUri"].replace("{text}", "on")).status_code == 202
    assert host.http.post(urls["terminatePostUri"].replace("{text}", "stop")).status_code == 202
    assert host.ended(new_id)["output"] == "stop"
    assert host.http.post(urls["restartPostUri"]).status_code == 202
    assert host.http.delete(urls["purgeHistoryDeleteUri"]).status_code == 200


def test_start_takes_an_input_and_may_wait_for_the_output(host: RunningHost) -> None:
    asked = {"timeout": "20", "pollingInterval": "0.01"}
    response = host.management("POST", "orchestrators/double_twice", params=asked, json=4)
    assert (response.status_code, response.json()) == (200, 16)


def test_start_of_an_unknown_orchestrator_is_400(host: RunningHost) -> None:
    assert host.management("POST", "orchestrators/no_such").status_code == 400


def test_start_with_an_input_that_is_no_json_is_400(host: RunningHost) -> None:
    assert host.management("POST", "orchestrators/double_twice", content="{").status_code == 400


def test_start_of_an_id_that_still_runs_is_an_error_of_the_host(host: RunningHost, waiting: str) -> None:
    response = host.management("POST", f"orchestrators/wait_for_approval/{waiting}")
    assert response.status_code == 500
    assert "already exists" in response.json()["ExceptionMessage"]


def test_restart_makes_a_new_run_or_repeats_the_old_one(host: RunningHost, completed: str) -> None:
    again = host.management("POST", f"instances/{completed}/restart")
    assert again.status_code == 202
    assert again.json()["id"] != completed
    assert host.output(again.json()["id"]) == 12
    same = host.management(
        "POST", f"instances/{completed}/restart", params={"restartWithNewInstanceId": "false"}
    )
    assert same.json()["id"] == completed
    assert host.output(completed) == 12


def test_restart_of_a_missing_run_is_400(host: RunningHost, new_id: str) -> None:
    assert host.management("POST", f"instances/{new_id}/restart").status_code == 400


def test_instances_are_listed_by_prefix_and_status_in_pages(host: RunningHost) -> None:
    prefix = f"list-{uuid4().hex}"
    for number in range(5):
        host.start("double_twice", number, f"{prefix}-{number}")
        host.ended(f"{prefix}-{number}")
    host.start("wait_for_approval", None, f"{prefix}-waiting")
    host.reaches(f"{prefix}-waiting", "Running")

    asked = {"instanceIdPrefix": prefix, "runtimeStatus": "Completed,Failed", "top": "2"}
    pages, token = [], ""
    while True:
        headers = {"x-ms-continuation-token": token} if token else {}
        response = host.management("GET", "instances", params=asked, headers=headers)
        assert response.status_code == 200
        pages.append([found["instanceId"] for found in response.json()])
        token = response.headers["x-ms-continuation-token"]
        if not token:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(id_ for page in pages for id_ in page) == [f"{prefix}-{n}" for n in range(5)]

    running = {"instanceIdPrefix": prefix, "runtimeStatus": "Running"}
    (found,) = host.management("GET", "instances", params=running).json()
    assert (found["instanceId"], found["customStatus"]) == (f"{prefix}-waiting", "waiting")


def test_instances_are_listed_by_the_time_of_their_creation(host: RunningHost, completed: str) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    asked = {"instanceIdPrefix": completed}
    after = host.management("GET", "instances", params={**asked, "createdTimeFrom": tomorrow})
    before = host.management("GET", "instances/", params={**asked, "createdTimeTo": tomorrow})
    assert (len(after.json()), len(before.json())) == (0, 1)


def test_purge_deletes_one_finished_run(host: RunningHost, completed: str) -> None:
    response = host.management("DELETE", f"instances/{completed}")
    assert (response.status_code, response.json()) == (200, {"instancesDeleted": 1})
    assert host.management("GET", f"instances/{completed}").status_code == 404


def test_purge_of_a_run_under_way_deletes_nothing(host: RunningHost, waiting: str) -> None:
    assert host.management("DELETE", f"instances/{waiting}").json() == {"instancesDeleted": 0}


def test_purge_of_many_wants_a_time_and_says_when_there_was_nothing(host: RunningHost) -> None:
    assert host.management("DELETE", "instances").status_code == 400
    future = {"createdTimeFrom": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    assert host.management("DELETE", "instances", params=future).status_code == 404


def test_purge_of_many_deletes_finished_runs_of_that_time(other_host: RunningHost, new_id: str) -> None:
    started = datetime.now(UTC).isoformat()
    other_host.start("double_twice", 1, new_id)
    other_host.ended(new_id)
    asked = {"createdTimeFrom": started, "runtimeStatus": "Completed"}
    response = other_host.management("DELETE", "instances", params=asked)
    assert (response.status_code, response.json()) == (200, {"instancesDeleted": 1})


def test_without_the_extensions_key_every_request_is_refused(host: RunningHost, waiting: str) -> None:
    path = f"/runtime/webhooks/durabletask/instances/{waiting}"
    for key, status in {"": 401, "wrong": 401, host.function_key: 403, host.event_grid_key: 403}.items():
        assert host.http.get(path, params={"code": key}).status_code == status
        assert host.http.post(f"{path}/terminate", params={"code": key}).status_code == status
    assert host.management("GET", f"instances/{waiting}").json()["runtimeStatus"] == "Running"
    assert host.http.get(path, params={"code": host.master}).status_code == 202


def test_requests_that_are_not_imitated_are_answered_with_501(host: RunningHost) -> None:
    response = host.management("GET", "entities/journal/one")
    assert response.status_code == 501
    assert "does not imitate" in response.json()["error"]["message"]
    assert host.management("GET", "instances", params={"taskHub": "AnotherHub"}).status_code == 501


def test_a_path_of_no_route_is_404(host: RunningHost) -> None:
    assert host.management("GET", "nonsense").status_code == 404
    assert host.management("POST", "instances").status_code == 404
