from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localcloud.functions.routing import HostRoute, RouteError, ordered, parse, path_of


async def nothing(_: object) -> None: ...


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("api/runs", "/api/runs", {}),
        ("api/runs", "/API/Runs/", {}),
        ("api/runs", "/api/runs/1", None),
        ("api/runs/{id}", "/api/runs/1", {"id": "1"}),
        ("api/runs/{id}", "/api/runs", None),
        ("api/runs/{id?}", "/api/runs", {}),
        ("api/runs/{id=last}", "/api/runs", {"id": "last"}),
        ("api/{kind}/{id}/cancel", "/api/runs/7/cancel", {"kind": "runs", "id": "7"}),
        ("api/{*rest}", "/api/a/b/c", {"rest": "a/b/c"}),
        ("api/{*rest}", "/api", {}),
        ("api/{n:int}", "/api/-12", {"n": "-12"}),
        ("api/{n:int}", "/api/twelve", None),
        (
            "api/{id:guid}",
            "/api/0f8fad5b-d9cb-469f-a165-70867728950e",
            {"id": "0f8fad5b-d9cb-469f-a165-70867728950e"},
        ),
        ("api/run-{id}.json", "/api/run-7.json", {"id": "7"}),
        ("", "/", {}),
    ],
)
def test_templates_match_as_in_azure(template: str, path: str, expected: dict[str, str] | None) -> None:
    assert parse(template).match(path) == expected


@pytest.mark.parametrize("template", ["x/{id:regex(^a)}", "x/{id:even}", "x/{id", "x/a{}b"])
def test_a_template_that_is_not_understood_is_refused_by_name(template: str) -> None:
    with pytest.raises(RouteError, match='route "x/'):
        parse(template)


def test_the_more_literal_route_is_tried_first() -> None:
    templates = ["api/{*rest}", "api/{id}", "api/{id:int}", "api/run-{id}", "api/runs"]
    routes = [HostRoute([], template, nothing) for template in templates]  # type: ignore[arg-type]
    assert [route.template.text for route in ordered(routes)] == [
        "api/runs",
        "api/{id:int}",
        "api/run-{id}",
        "api/{id}",
        "api/{*rest}",
    ]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_parameter_is_what_was_sent_and_never_crosses_a_slash(text: str) -> None:
    path = path_of({"path": "", "raw_path": f"/api/{quote(text, safe='')}".encode()})
    assert parse("api/{name}").match(path) == {"name": text.replace("/", "%2F")}
