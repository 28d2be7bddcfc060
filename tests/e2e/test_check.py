"""`touchdown check` over the running stack: it passes as a whole, and names what is broken."""

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
from localcloud.controls import Controls
from localcloud.credentials import Principal
from localcloud.home import TENANT, Home
from localcloud.stack import Stack

from tests.checkout import CHECKOUT
from tests.e2e.conftest import LIMIT
from tests.unit.touchdown.commands import Answer, run
from tests.waiting import wait_for
from touchdown.checking import deployment, trial
from touchdown.checking.checks import CHECKS, UNTOLD
from touchdown.checking.findings import NOT_TRIED, Finding, Outcome
from touchdown.checking.first_run import Report
from touchdown.client import ML_API_VERSION, Client
from touchdown.errors import ApiError
from touchdown.local.names import GROUP_ID, SITE, SITE_ID, STORAGE_ID, identity_id
from touchdown.local.target import function_key

pytestmark = pytest.mark.e2e
TABLES = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
"""Storage Table Data Contributor."""
Made = dict[str, set[str]]
UPLOADS = f"{GROUP_ID}/providers/Microsoft.EventGrid/systemTopics"


def check(home: Home, *more: str) -> Answer:
    return run("check", "--home", str(home.root), *more)


def checked(home: Home, *more: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code, and what is not ok; nothing but that is printed."""
    answer = check(home, "--json", *more)
    assert answer.err == ""
    assert answer.json["ok"] is (answer.code == 0)
    return answer.code, [each for each in answer.json["findings"] if each["outcome"] != "ok"]


def arm(client: Client, method: str, path: str, version: str, body: Any = None) -> Any:
    return client.resource_manager(method, path, params={"api-version": version}, json=body)


def made(client: Client) -> Made:
    """What a run makes, by kind."""

    def names(kind: str) -> set[str]:
        path = f"{client.target.workspace_path}/{kind}"
        return {each["name"] for each in arm(client, "GET", path, ML_API_VERSION)["value"]}

    blobs = {each.name for each in client.container.list_blobs()}
    return {"blobs": blobs, "models": names("models"), "batchEndpoints": names("batchEndpoints")}


def assert_only_the_record_is_left(before: Made, after: Made, run_id: str) -> None:
    new = after["blobs"] - before["blobs"]
    listed = {name for name in new if name.startswith("index/runs/") and name.endswith(f"-{run_id}")}
    assert len(listed) == 1
    locks = {name for name in new if name.startswith("locks/touchdown-check-")}
    kept = {name for name in new if name.startswith(f"app/runs/{run_id}/")}
    notes = {
        name for name in new if re.fullmatch(rf"app/endpoints/touchdown-check-[^/]+/{run_id}.json", name)
    }
    assert f"app/runs/{run_id}/run.json" in kept
    assert after == before | {"blobs": before["blobs"] | kept | listed | locks | notes}


def deployed_sign_in() -> dict[str, Any]:
    """The settings of App Service authentication that the templates deploy, with this cloud's tenant."""
    snapshot = (CHECKOUT / "tests" / "bicep" / "everything.snapshot.json").read_text(encoding="utf-8")
    resources = json.loads(snapshot)["predictedResources"]
    (found,) = [each["properties"] for each in resources if each["name"].endswith("/authsettingsV2")]
    provider = found["identityProviders"]["azureActiveDirectory"]
    provider["registration"]["openIdIssuer"] = f"https://login.test/{TENANT}/v2.0"
    return dict(found)


def statuses(home: Home) -> list[int]:
    """The API's answers to a caller with a key, and to one with a token."""
    registration = deployed_sign_in()["identityProviders"]["azureActiveDirectory"]["registration"]
    token = Principal(home).get_token(f"api://{registration['clientId']}/.default").token
    sent = [{"x-functions-key": function_key(home)}, {"Authorization": f"Bearer {token}"}]
    url = f"{home.functions_url}/api/runs?top=1"
    return [httpx.get(url, headers=each, trust_env=False).status_code for each in sent]


@contextmanager
def signing_in(home: Home, client: Client) -> Iterator[None]:
    """Let callers sign in for the time of a `with` block, as with signIn = Entra."""
    version, authentication = "2025-03-01", f"{SITE_ID}/config/authsettingsV2"
    settings = arm(client, "POST", f"{SITE_ID}/config/appsettings/list", version)["properties"]
    entra = settings | {"TOUCHDOWN_SIGN_IN": "entra"}
    try:
        arm(client, "PUT", authentication, version, {"properties": deployed_sign_in()})
        arm(client, "PUT", f"{SITE_ID}/config/appsettings", version, {"properties": entra})
        wait_for(lambda: statuses(home) == [401, 200])
        yield
    finally:
        arm(client, "PUT", authentication, version, {"properties": {"platform": {"enabled": False}}})
        arm(client, "PUT", f"{SITE_ID}/config/appsettings", version, {"properties": settings})
        wait_for(lambda: statuses(home) == [200, 401])


def test_the_check_passes_as_a_whole_where_callers_sign_in_and_deletes_what_it_made(
    cloud: Stack, client: Client
) -> None:
    """The other tests call an app that asks for a key."""
    before, place = made(client), ("--home", str(cloud.home.root))
    with signing_in(cloud.home, client):
        answer = check(cloud.home, "--json")
        listed = run("runs", *place, "--json")
        started = run("start", "not-there.csv", *place, "--json")
    assert answer.code == 0, answer.out
    assert (started.code, started.json["error"]["code"]) == (5, "refused")
    assert "dataset not-there.csv" in started.json["error"]["message"]
    assert answer.json["ok"] is True
    found = answer.json["findings"]
    outcomes: dict[str, set[str]] = {}
    for each in found:
        outcomes.setdefault(each["check"], set()).add(each["outcome"])
    ok = {name: {"ok"} for name in (*CHECKS, "first run", "clean-up")}
    assert outcomes == ok | {name: {"not checked"} for name in UNTOLD}
    assert [each["row"] for each in found if each["row"]] == []
    said = {each["check"]: each["message"] for each in found}
    assert said["functions"] == f"{SITE} lists all 29 functions."
    assert said["bundle"] == "the Functions host runs with bundle 4.37.1; 4.37.1 is enough."
    ended = listed.json[0]
    assert ended["status"] == "Succeeded"
    assert said["sign-in"].startswith("the API answers callers with a token for ")
    assert said["first run"].startswith(f"run {ended['run_id']} trained, deployed and scored: ")
    assert_only_the_record_is_left(before, made(client), ended["run_id"])
    assert answer.err == ""


def test_a_person_reads_a_line_for_each_check(cloud: Stack) -> None:
    answer = check(cloud.home, "--no-run")
    assert answer.code == 0
    marked = [line for line in answer.out.splitlines() if line[:1] in "✓?✗" and line]
    assert [line[0] for line in marked].count("✗") == 0
    for name in CHECKS:
        assert any(line.startswith(f"✓ {name} ") for line in marked), name
    for name in UNTOLD:
        assert any(line.startswith(f"? {name} ") for line in marked), name
    assert "The deployment works." in answer.err


@contextmanager
def without(client: Client, path: str, version: str, *kept: str) -> Iterator[None]:
    """Delete a resource for the time of a `with` block. kept: its properties that a PUT takes."""
    properties = arm(client, "GET", path, version)["properties"]
    arm(client, "DELETE", path, version)
    try:
        yield
    finally:
        arm(client, "PUT", path, version, {"properties": {name: properties[name] for name in kept}})


def test_an_event_subscription_that_was_deleted_is_named_and_no_run_is_tried(
    cloud: Stack, client: Client
) -> None:
    (topic,) = arm(client, "GET", UPLOADS, "2025-02-15")["value"]
    path = f"{topic['id']}/eventSubscriptions/datasets"
    kept = ("destination", "filter", "retryPolicy", "eventDeliverySchema", "deadLetterWithResourceIdentity")
    with without(client, path, "2025-02-15", *kept):
        code, found = checked(cloud.home)
    assert code == 1
    (missing,) = [each for each in found if each["outcome"] == "failed"]
    assert missing["check"] == "events"
    assert missing["message"] == (
        "event subscription datasets does not exist:"
        " deploy bicep/events.bicep again (scripts/hooks/postdeploy.sh)."
    )
    assert missing["row"] == "there is no run"
    assert found[-1]["message"] == NOT_TRIED.message


def test_an_assignment_that_was_taken_away_is_named_with_role_scope_and_remedy(
    cloud: Stack, client: Client
) -> None:
    scoring = arm(client, "GET", identity_id("scoring"), "2024-11-30")["properties"]["principalId"]
    assignments = f"{STORAGE_ID}/providers/Microsoft.Authorization/roleAssignments"
    listed = client.resource_manager(
        "GET", assignments, params={"api-version": "2022-04-01", "$filter": f"assignedTo('{scoring}')"}
    )
    (table,) = [each["id"] for each in listed["value"] if TABLES in each["properties"]["roleDefinitionId"]]
    with without(client, table, "2022-04-01", "principalId", "roleDefinitionId", "principalType"):
        code, found = checked(cloud.home, "--no-run")
        text = check(cloud.home, "--no-run")
    assert code == 1
    (missing,) = [each for each in found if each["outcome"] == "failed"]
    identity = identity_id("scoring").rpartition("/")[2]
    assert missing["check"] == "roles"
    assert missing["message"].startswith(
        f"{identity} may not Microsoft.Storage/storageAccounts/tableServices/"
    )
    assert "on the data account, for lack of Storage Table Data Contributor." in missing["message"]
    assert "Deploy the infrastructure again, with azd by `azd provision --no-state`" in missing["message"]
    assert missing["row"] == "`SmokeTestFailed`, exit code 42 and an empty user log"
    assert text.code == 1
    assert "docs/deploy.md: `SmokeTestFailed`, exit code 42 and an empty user log" in text.out
    assert "The deployment works." not in text.err


def test_a_function_that_the_published_code_does_not_have_is_named(
    cloud: Stack, controls: Controls, tmp_path: Path
) -> None:
    for each in CHECKOUT.iterdir():
        if each.is_dir() and not each.name.startswith(".") and each.name != "node_modules":
            (tmp_path / each.name).symlink_to(each)
    (tmp_path / "host.json").write_bytes((CHECKOUT / "host.json").read_bytes())
    code = (CHECKOUT / "function_app.py").read_text(encoding="utf-8")
    assert "app.register_functions(http)\n" in code
    (tmp_path / "function_app.py").write_text(
        code.replace("app.register_functions(http)\n", ""), encoding="utf-8"
    )
    try:
        controls.publish(SITE, tmp_path)
        exit_code, found = checked(cloud.home, "--no-run")
    finally:
        controls.publish(SITE, CHECKOUT)
    assert exit_code == 1
    (missing,) = [each for each in found if each["outcome"] == "failed"]
    assert missing["check"] == "functions"
    assert missing["message"] == (
        f"{SITE} does not list approve_run, cancel_run, list_runs, reject_run, show_run, start_run:"
        " publish the code again."
    )
    assert missing["row"] == "some functions are listed"


def test_a_stopped_app_is_told_in_the_words_of_resource_manager(cloud: Stack, client: Client) -> None:
    arm(client, "POST", f"{SITE_ID}/stop", "2025-03-01")
    try:
        code, found = checked(cloud.home, "--no-run")
    finally:
        arm(client, "POST", f"{SITE_ID}/start", "2025-03-01")
        wait_for(lambda: answers(client))
    assert code == 1
    (stopped,) = [each for each in found if each["outcome"] == "failed"]
    assert stopped["check"] == "bundle"
    assert "host/default/properties/status: 400 Encountered an error (" in stopped["message"]


def answers(client: Client) -> bool:
    """Whether the app answers. A started site says at first that it is stopped, then that it starts."""
    try:
        client.runs(top=1)
    except ApiError as error:
        if error.status not in (403, 503):
            raise
        return False
    return True


def test_a_first_run_that_fails_is_told_with_its_stage_and_row_and_leaves_nothing(
    client: Client, controls: Controls
) -> None:
    words = {"code": "TasksOperationsNotAllowed", "message": "ACR Tasks requests are not permitted."}
    controls.arm_fault("machinelearning.image", "error", {"endpoint": "^touchdown-check-"}, **words)
    before = made(client)
    stages: list[str] = []
    found = deployment.deployment(client)
    told: list[Finding] = []

    def following() -> AbstractContextManager[Report]:
        return nullcontext(lambda run: stages.append(str(run.get("stage"))))

    trial.trial(client, found, told.append, following=following, limit=LIMIT)
    ended, cleaned = told
    assert ended.outcome is Outcome.FAILED
    assert " failed at smoke_test: SmokeTestFailed: " in ended.message
    assert ended.row == "`SmokeTestFailed`, and the image's build says `TasksOperationsNotAllowed`"
    assert "smoke_test" in stages
    assert cleaned.outcome is Outcome.OK
    assert_only_the_record_is_left(before, made(client), client.runs(top=1)[0]["run_id"])
