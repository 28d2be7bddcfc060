"""HTTP-triggered functions: routes, keys, requests and responses."""

from http.cookies import SimpleCookie

import pytest

from localcloud_tests.integration.functions_host.hosts import RunningHost

pytestmark = pytest.mark.integration


def test_a_function_sees_the_request_as_it_was_sent(host: RunningHost) -> None:
    response = host.http.post(
        "/api/echo/7/step%20one?a=1&b=x%20y",
        content="grüße",
        headers={"X-Trace": "abc", "X-Functions-Key": "k"},
    )
    given = response.json()
    assert given["method"] == "POST"
    assert given["url"] == f"{host.url}/api/echo/7/step%20one?a=1&b=x%20y"
    assert given["headers"]["x-trace"] == "abc"
    assert given["query"] == {"a": "1", "b": "x y"}
    assert given["route"] == {"id": "7", "step": "step one"}
    assert given["body"] == "grüße"


def test_nobody_can_claim_to_be_somebody_by_the_headers_of_app_service(host: RunningHost) -> None:
    forged = {
        "X-MS-CLIENT-PRINCIPAL": "e30=",
        "X-MS-CLIENT-PRINCIPAL-ID": "1",
        "x-ms-client-principal-name": "boss@example.com",
        "X-Ms-Client-Principal-Idp": "aad",
        "X-MS-TOKEN-AAD-ACCESS-TOKEN": "e30.e30.",
        "X-MS-Client-Request-Id": "7",
    }
    seen = host.http.get("/api/echo/7", headers=forged).json()["headers"]
    assert {name for name in seen if name.startswith("x-ms-")} == {"x-ms-client-request-id"}


def test_a_function_sees_the_key_as_it_was_sent_and_nothing_of_its_name(host: RunningHost) -> None:
    seen = host.http.get("/api/echo/7?code=by-query", headers={"x-functions-key": "by-header"}).json()
    assert seen["headers"]["x-functions-key"] == "by-header"
    assert seen["query"] == {"code": "by-query"}


def test_the_environment_of_the_host_is_the_settings_of_the_app(host: RunningHost) -> None:
    assert host.http.get("/api/echo/1").json()["setting"] == "from the environment"


def test_an_optional_parameter_may_be_missing(host: RunningHost) -> None:
    assert host.http.get("/api/echo/7").json()["route"] == {"id": "7"}


def test_a_literal_route_wins_from_one_with_a_parameter(host: RunningHost) -> None:
    assert host.http.get("/api/echo/literal").json() == "literal"


def test_a_catch_all_takes_the_rest_of_the_path(host: RunningHost) -> None:
    assert host.http.get("/api/files/a/b/c.csv").json() == "a/b/c.csv"


def test_a_constraint_that_does_not_hold_is_404(host: RunningHost) -> None:
    assert host.http.get("/api/numbers/12").json() == 12
    assert host.http.get("/api/numbers/twelve").status_code == 404


def test_routes_are_matched_in_any_case(host: RunningHost) -> None:
    assert host.http.get("/API/Echo/Literal").status_code == 200


def test_an_encoded_slash_does_not_make_another_segment(host: RunningHost) -> None:
    assert host.http.get("/api/echo/a%2Fb").json()["route"] == {"id": "a%2Fb"}


def test_a_method_that_the_function_does_not_name_is_404(host: RunningHost) -> None:
    assert host.http.delete("/api/echo/7").status_code == 404


def test_status_headers_bytes_and_cookies_come_back(host: RunningHost) -> None:
    response = host.http.get("/api/shaped")
    assert (response.status_code, response.content) == (418, b"\x00\x01")
    assert response.headers["content-type"] == "application/x-tea"
    assert response.headers["x-pot"] == "brown"
    one, two = (SimpleCookie(text) for text in response.headers.get_list("set-cookie"))
    assert (one["one"].value, one["one"]["path"], one["one"]["max-age"]) == ("1", "/api", "60")
    assert one["one"]["httponly"]
    assert (two["two"].value, two["two"]["samesite"].lower()) == ("2", "lax")
    assert two["two"]["secure"]


def test_a_returned_text_is_plain_text(host: RunningHost) -> None:
    response = host.http.get("/api/plain")
    assert response.text == "just text"
    assert response.headers["content-type"].startswith("text/plain")


def test_an_exception_is_500_with_its_reason_in_the_log_only(host: RunningHost) -> None:
    response = host.http.get("/api/broken")
    assert response.status_code == 500
    assert "secret" not in response.text
    host.wait_for_line(r"Error Function\.broken_http RuntimeError: the secret reason")
    host.wait_for_line(r"Executed 'Functions\.broken_http' \(Failed, Id=[\w-]+, Duration=\d+ms\)")


def test_a_function_that_ends_its_process_ends_only_itself(host: RunningHost) -> None:
    assert host.http.get("/api/exits").status_code == 500
    assert host.http.get("/api/plain").status_code == 200


def test_a_function_key_opens_a_function_by_query_and_by_header(host: RunningHost) -> None:
    for options in (
        {"params": {"code": host.function_key}},
        {"headers": {"x-functions-key": host.function_key}},
    ):
        assert host.http.get("/api/function", **options).status_code == 200  # type: ignore[arg-type]


def test_without_a_key_or_with_a_wrong_one_a_function_is_401(host: RunningHost) -> None:
    assert host.http.get("/api/function").status_code == 401
    assert host.http.get("/api/function", params={"code": "wrong"}).status_code == 401
    assert host.http.get("/api/function", params={"code": "nicht-schlüssel"}).status_code == 401


def test_the_key_of_an_extension_does_not_open_a_function(host: RunningHost) -> None:
    assert host.http.get("/api/function", params={"code": host.event_grid_key}).status_code == 403


def test_the_header_goes_before_the_query(host: RunningHost) -> None:
    response = host.http.get(
        "/api/function", params={"code": host.function_key}, headers={"x-functions-key": "wrong"}
    )
    assert response.status_code == 401


def test_an_admin_function_wants_the_master_key(host: RunningHost) -> None:
    assert host.http.get("/api/secret", params={"code": host.function_key}).status_code == 403
    assert host.http.get("/api/secret", params={"code": host.master}).status_code == 200
    assert host.http.get("/api/function", params={"code": host.master}).status_code == 200
