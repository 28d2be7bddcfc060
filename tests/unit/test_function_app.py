"""The app as the worker of Azure Functions loads it: its functions, triggers and authorization."""

import subprocess
import sys
from pathlib import Path

import pytest
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import Registry
from azure_functions_runtime.loader import index_function_app, process_indexed_function
from localcloud.functions.functions import SERVED_BINDINGS, SERVED_TRIGGERS, App, from_metadata
from localcloud.functions.protos import PROTOS

from scripts import missing_functions
from tests.unit.rehearsed import good

ROOT = Path(__file__).parents[2]
TRIGGERED = {
    "on_blob_created": "eventGridTrigger",
    "start_run": "httpTrigger",
    "list_runs": "httpTrigger",
    "show_run": "httpTrigger",
    "cancel_run": "httpTrigger",
    "approve_run": "httpTrigger",
    "reject_run": "httpTrigger",
    "training_run": "orchestrationTrigger",
}
STEPS = {
    "inspect_dataset",
    "find_champion",
    "start_training",
    "get_training_status",
    "read_training_result",
    "register_model",
    "ensure_compute",
    "ensure_endpoint",
    "deploy_model",
    "smoke_test",
    "promote",
    "prune_deployments",
    "record_run",
    "publish_event",
    "keep_progress",
    "resume_run",
    "read_decision",
    "read_cancel",
    "cancel_training",
    "cancel_scoring",
    "delete_deployment",
}


@pytest.fixture(scope="module")
def app() -> App:
    load_binding_registry()
    functions = index_function_app(str(ROOT / "function_app.py"))
    found, _ = process_indexed_function(PROTOS, Registry(), functions, str(ROOT))
    return App(from_metadata(each) for each in found)


def test_the_worker_finds_these_functions_and_no_others(app: App) -> None:
    assert {each.name for each in app} == TRIGGERED.keys() | STEPS


def test_no_orchestration_sends_a_token_of_the_app_to_an_address_that_its_caller_names(app: App) -> None:
    """azure-functions-durable adds one that does to every app, and its key starts any orchestration."""
    assert [each.name for each in app if each.kind == "orchestrationTrigger"] == ["training_run"]


def test_a_deployment_waits_for_each_function_of_the_app(app: App) -> None:
    names = sorted({each.name for each in app})
    assert list(missing_functions.FUNCTIONS) == names
    assert missing_functions.missing(f"func-x/{name}\n" for name in names) == []
    assert missing_functions.missing(names[1:]) == names[:1]


def test_every_function_has_the_trigger_it_is_meant_to_have(app: App) -> None:
    kinds = {each.name: each.kind for each in app}
    assert kinds == TRIGGERED | dict.fromkeys(STEPS, "activityTrigger")


def test_every_function_is_given_what_triggers_it_by_the_name_that_it_expects(app: App) -> None:
    names = {each.name: each.trigger["name"] for each in app}
    by_http = dict.fromkeys(TRIGGERED, "req") | {"on_blob_created": "event", "training_run": "ctx"}
    assert names == by_http | dict.fromkeys(STEPS, "given")


def test_the_activities_are_the_steps_that_the_orchestrator_calls() -> None:
    assert set(good()) == STEPS


def test_activities_and_orchestration_are_called_by_their_function_names(app: App) -> None:
    for name in STEPS:
        function = app.durable("activityTrigger", name)
        assert function is not None
        assert function.name == name
    orchestration = app.durable("orchestrationTrigger", "training_run")
    assert orchestration is not None


@pytest.mark.parametrize(
    ("name", "method", "route"),
    [
        ("start_run", "POST", "runs"),
        ("list_runs", "GET", "runs"),
        ("show_run", "GET", "runs/{run_id}"),
        ("cancel_run", "POST", "runs/{run_id}/cancel"),
        ("approve_run", "POST", "runs/{run_id}/approve"),
        ("reject_run", "POST", "runs/{run_id}/reject"),
    ],
)
def test_http_functions_have_a_route_and_want_a_function_key(
    app: App, name: str, method: str, route: str
) -> None:
    function = app.get(name)
    assert function is not None
    assert [str(each) for each in function.trigger["methods"]] == [method]
    assert function.trigger["route"] == route
    assert str(function.trigger["authLevel"]).upper() == "FUNCTION"


def test_triggers_that_steer_runs_have_a_durable_client(app: App) -> None:
    assert {each.name for each in app if each.clients} == TRIGGERED.keys() - {"training_run"}
    assert {client for each in app for client in each.clients} == {"client"}


def test_localcloud_serves_every_trigger_and_binding(app: App) -> None:
    assert {each.kind for each in app} <= SERVED_TRIGGERS
    assert [each.name for each in app if each.not_served] == []
    assert "durableClient" in SERVED_BINDINGS


def test_no_sdk_is_imported_before_it_is_used() -> None:
    """azure-ai-ml alone takes seconds to import, and most invocations do not need it."""
    program = "import function_app, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    sdks = {
        "azure.ai.ml",
        "azure.mgmt.datafactory",
        "azure.eventgrid",
        "azure.identity",
        "azure.storage.blob",
    }
    assert sdks & set(done.stdout.split()) == set()


def readme_table() -> set[str]:
    """The first column of the README's table of functions."""
    readme = ROOT / "README.md"
    lines = readme.read_text().splitlines() if readme.exists() else []
    names: set[str] = set()
    inside = False
    for line in lines:
        first = line.strip().strip("|").split("|")[0].strip() if line.lstrip().startswith("|") else ""
        inside = bool(first) and (inside or first.lower() in ("function", "functions"))
        if inside and first.startswith("`"):
            names.add(first.strip("`"))
    return names


def test_the_readme_lists_every_function_and_no_other(app: App) -> None:
    listed = readme_table()
    if not listed:
        pytest.skip("README.md has no table whose first column is headed Function; the lists above hold")
    assert listed == {each.name for each in app}
