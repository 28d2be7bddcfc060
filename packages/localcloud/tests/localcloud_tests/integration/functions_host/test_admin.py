"""The host's own paths: its state, its functions and its keys."""

from typing import Any
from uuid import uuid4

import pytest

from localcloud_tests.integration.functions_host.hosts import RunningHost

pytestmark = pytest.mark.integration


def admin(host: RunningHost, method: str, path: str, **options: Any) -> Any:
    return host.http.request(method, f"/admin/{path}", headers={"x-functions-key": host.master}, **options)


def test_the_state_is_running_and_needs_no_key(host: RunningHost) -> None:
    response = host.http.get("/admin/host/status")
    assert (response.status_code, response.json()) == (200, {"state": "Running"})


def test_the_front_page_says_that_the_app_runs(host: RunningHost) -> None:
    response = host.http.get("/")
    assert response.status_code == 200
    assert "running" in response.text


def test_every_function_is_listed_with_its_bindings_and_its_url(host: RunningHost) -> None:
    functions = {function["name"]: function for function in admin(host, "GET", "functions").json()}
    assert functions["echo"]["invoke_url_template"] == f"{host.url}/api/echo/{{id}}/{{step?}}"
    assert functions["on_event"]["config"]["bindings"][0]["type"] == "eventGridTrigger"
    assert {"double_twice", "double", "journal", "BuiltIn__HttpActivity"} < functions.keys()
    assert admin(host, "GET", "functions/Echo").json() == functions["echo"]
    assert admin(host, "GET", "functions/no_such").status_code == 404


def test_an_event_function_can_be_run_by_hand(host: RunningHost) -> None:
    id_ = uuid4().hex
    event = f'{{"id": "{id_}", "subject": "s", "eventType": "t", "data": {{"by": "hand"}}}}'
    assert admin(host, "POST", "functions/on_event", json={"input": event}).status_code == 202
    host.wait_for_line(r"Executed 'Functions\.on_event' \(Succeeded")
    assert [seen["data"] for seen in host.seen(id_)] == [{"by": "hand"}]


def test_a_timer_function_can_be_run_by_hand_and_the_log_says_that_it_must_be(host: RunningHost) -> None:
    host.wait_for_line(r"Warning Host\.Startup nightly: nothing here fires its timerTrigger")
    assert admin(host, "POST", "functions/nightly", json={"input": ""}).status_code == 202
    host.wait_for_line(r"Executed 'Functions\.nightly' \(Succeeded")
    assert host.seen("nightly") == [{"id": "nightly", "past_due": False}]


def test_a_function_that_cannot_be_run_by_hand_is_refused(host: RunningHost) -> None:
    assert admin(host, "POST", "functions/no_such", json={"input": ""}).status_code == 404
    assert admin(host, "POST", "functions/on_event", json={"input": "{"}).status_code == 400
    assert admin(host, "POST", "functions/on_event", content="no json").status_code == 400
    assert admin(host, "POST", "functions/double", json={"input": "1"}).status_code == 501


def test_the_master_key_lists_the_keys(host: RunningHost) -> None:
    assert admin(host, "GET", "host/keys").json() == {
        "keys": [{"name": "default", "value": host.function_key}]
    }
    systems = {key["name"]: key["value"] for key in admin(host, "GET", "host/systemkeys").json()["keys"]}
    assert systems == {"eventgrid_extension": host.event_grid_key, "durabletask_extension": host.durable_key}
    one = admin(host, "GET", "host/systemkeys/eventgrid_extension").json()
    assert one == {"name": "eventgrid_extension", "value": host.event_grid_key}
    assert admin(host, "GET", "host/systemkeys/_master").json()["value"] == host.master
    assert admin(host, "GET", "host/systemkeys/no_such").status_code == 404
    assert admin(host, "GET", "functions/echo/keys").json() == {"keys": []}


@pytest.mark.parametrize(
    "path", ["functions", "functions/echo", "host/keys", "host/systemkeys", "host/config"]
)
def test_the_rest_of_admin_is_the_masters_alone(host: RunningHost, path: str) -> None:
    for key, status in {"": 401, "wrong": 401, host.function_key: 403, host.durable_key: 403}.items():
        assert host.http.get(f"/admin/{path}", params={"code": key}).status_code == status
    assert host.http.post("/admin/functions/nightly", json={"input": ""}).status_code == 401


def test_requests_that_are_not_imitated_are_answered_with_501(host: RunningHost) -> None:
    for method, path in (("GET", "host/config"), ("PUT", "host/keys/default"), ("GET", "vfs/")):
        response = admin(host, method, path)
        assert response.status_code == 501
        assert "does not imitate" in response.json()["error"]["message"]
