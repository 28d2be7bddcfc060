"""What the checks say of a deployment that is as the templates deploy it, and of one with a fault."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError

from tests.bicep.memory import guid
from tests.unit.touchdown.checking.azure import Azure
from touchdown.checking import quotas
from touchdown.checking.app import BUNDLE
from touchdown.checking.checks import CHECKS, UNTOLD, attempted, check_all
from touchdown.checking.findings import Finding, Outcome
from touchdown.checking.sign_in import WEBHOOKS
from touchdown.errors import NotFoundError

TABLES = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
"""Storage Table Data Contributor."""
BLOBS = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
"""Storage Blob Data Contributor."""


@pytest.fixture
def azure() -> Azure:
    return Azure()


def failed(azure: Azure, check: str) -> list[Finding]:
    found = [*attempted(check, CHECKS[check], azure.deployment())]
    assert found
    return [each for each in found if each.outcome is not Outcome.OK]


def test_what_the_templates_deploy_passes_every_check(azure: Azure) -> None:
    found = [*check_all(azure.deployment())]
    assert {each.check for each in found} == {*CHECKS, *UNTOLD}
    assert [each for each in found if each.outcome is Outcome.FAILED] == []
    assert [each.check for each in found if each.outcome is Outcome.NOT_CHECKED] == [*UNTOLD]
    assert len([each for each in found if each.check == "roles"]) == 5


def test_the_client_is_told_the_addresses_that_azure_gives(azure: Azure) -> None:
    target = azure.deployment().target
    assert target.api == f"https://{azure.of('sites')['name']}.sites.test"
    assert target.function_key == "key"
    assert target.blob_url == f"https://{azure.of('storageAccounts', 'stdata')['name']}.blob.core.test"
    assert target.container.startswith("azureml-blobstore-")


def test_a_group_without_an_app_is_no_deployment(azure: Azure) -> None:
    azure.memory.deployed = {id_: each for id_, each in azure.memory.deployed.items() if "/sites/" not in id_}
    with pytest.raises(NotFoundError, match="has no Function App of Touchdown's"):
        azure.deployment()


def test_settings_that_are_missing_or_of_an_unknown_name_are_named(azure: Azure) -> None:
    settings = azure.answers[f"{azure.id('sites')}/config/appsettings/list".lower()]["properties"]
    settings["TOUCHDOWN_EPOCH"] = "20"
    (unknown,) = failed(azure, "settings")
    assert "has TOUCHDOWN_EPOCH, and no setting is called so" in unknown.message
    settings["TOUCHDOWN_EPOCHS"] = settings.pop("TOUCHDOWN_EPOCH")
    settings["TOUCHDOWN_CONTAINER"] = " "
    (missing,) = failed(azure, "settings")
    assert "lacks TOUCHDOWN_CONTAINER" in missing.message


def test_functions_that_are_not_listed_are_named(azure: Azure) -> None:
    path = f"{azure.id('sites')}/functions".lower()
    azure.answers[path]["value"].pop(0)
    (some,) = failed(azure, "functions")
    assert "does not list approve_run" in some.message
    assert some.row == "some functions are listed"
    azure.answers[path] = {"value": []}
    (none,) = failed(azure, "functions")
    assert none.row == "no function is listed, and the log has no error"


@pytest.mark.parametrize(
    ("status", "outcome", "words"),
    [
        (
            {"state": "Running", "extensionBundle": {"id": BUNDLE, "version": "4.28.0"}},
            Outcome.FAILED,
            "4.28.0; 4.37.1 or newer",
        ),
        (
            {"state": "Running", "extensionBundle": {"id": BUNDLE, "version": None}},
            Outcome.FAILED,
            "found no bundle",
        ),
        (
            {"state": "Running", "extensionBundle": {"id": f"{BUNDLE}.Preview", "version": "4.9.0"}},
            Outcome.NOT_CHECKED,
            "Preview 4.9.0, which has versions of its own",
        ),
        ({"state": "Running"}, Outcome.NOT_CHECKED, "does not tell of its bundle"),
        (
            {"state": "Error", "errors": ["Bundle version matching the [4.37.1"]},
            Outcome.FAILED,
            "is Error: Bundle",
        ),
    ],
)
def test_the_bundle_of_the_host_is_compared_with_the_oldest_that_works(
    azure: Azure, status: dict[str, object], outcome: Outcome, words: str
) -> None:
    azure.answers[f"{azure.id('sites')}/host/default/properties/status".lower()] = {"properties": status}
    (found,) = failed(azure, "bundle")
    assert found.outcome is outcome
    assert words in found.message


CLIENT_ID = "0b8c5a1e-0000-4000-8000-00000000c11e"


def signing_in(azure: Azure, *, setting: str = "entra", on: bool = True, excluded: str = WEBHOOKS) -> None:
    """Let the app be one that is deployed with signIn = Entra, or with half of it."""
    site = azure.id("sites").lower()
    azure.answers[f"{site}/config/appsettings/list"]["properties"]["TOUCHDOWN_SIGN_IN"] = setting
    properties = {
        "platform": {"enabled": on},
        "globalValidation": {"requireAuthentication": True, "excludedPaths": [excluded]},
        "identityProviders": {
            "azureActiveDirectory": {"enabled": True, "registration": {"clientId": CLIENT_ID}}
        },
    }
    azure.answers[f"{site}/config/authsettingsv2"] = {"properties": properties}
    azure.answers["/api/runs"] = {"runs": []}


def test_an_app_that_signs_callers_in_is_called_with_a_token_and_no_key(azure: Azure) -> None:
    signing_in(azure)
    found = azure.deployment()
    assert (found.target.function_key, found.target.api_scope) == ("", f"{CLIENT_ID}/.default")
    assert failed(azure, "sign-in") == []
    (sent,) = [each for each in azure.requests if each.url.path == "/api/runs"]
    assert sent.headers["authorization"] == "Bearer token"
    assert sent.headers["x-touchdown-client"]
    assert "x-functions-key" not in sent.headers


@pytest.mark.parametrize(
    ("halves", "words"),
    [
        ({"on": False}, "refuses all callers"),
        ({"setting": "key"}, "asks callers for a token and for a function key"),
        ({"excluded": "/api/open"}, "refuses Event Grid"),
    ],
)
def test_a_sign_in_that_is_deployed_by_half_is_told(azure: Azure, halves: dict[str, Any], words: str) -> None:
    signing_in(azure, **halves)
    (found,) = failed(azure, "sign-in")
    assert found.outcome is Outcome.FAILED
    assert words in found.message


def test_settings_of_the_sign_in_that_may_not_be_read_are_not_judged(azure: Azure) -> None:
    azure.answers[f"{azure.id('sites')}/config/authsettingsV2".lower()] = httpx.Response(403)
    assert azure.deployment().target.function_key == "key"
    (found,) = failed(azure, "sign-in")
    assert found.outcome is Outcome.NOT_CHECKED


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_is_told_with_what_its_application_needs(azure: Azure, status: int) -> None:
    signing_in(azure)
    azure.answers["/api/runs"] = httpx.Response(status)
    (found,) = failed(azure, "sign-in")
    assert f"refuses a token for {CLIENT_ID}/.default: GET /api/runs: {status}" in found.message


def test_an_account_that_gets_no_token_is_told_in_the_words_of_az(azure: Azure) -> None:
    signing_in(azure)
    said = ClientAuthenticationError("AADSTS65001: The user or administrator has not consented.")
    found = azure.deployment()
    azure.answers["/api/runs"] = said
    (told,) = attempted("sign-in", CHECKS["sign-in"], found)
    assert told.outcome is Outcome.FAILED
    assert f"no token for {CLIENT_ID}/.default: AADSTS65001: " in told.message


def test_an_event_subscription_that_is_missing_is_named(azure: Azure) -> None:
    del azure.memory.deployed[azure.id("systemTopics/eventSubscriptions", "models").lower()]
    (found,) = failed(azure, "events")
    assert "event subscription models does not exist" in found.message
    assert found.row == "there is no run"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"filter": {"subjectBeginsWith": "/blobServices/default/containers/other/blobs/datasets/"}},
            "takes the events of container other",
        ),
        ({"provisioningState": "Failed"}, "is Failed"),
        ({"destination": {"properties": {"resourceId": "/x/functions/y"}}}, "calls /x/functions/y"),
    ],
)
def test_an_event_subscription_that_is_not_as_deployed_is_told(
    azure: Azure, change: dict[str, object], words: str
) -> None:
    azure.of("systemTopics/eventSubscriptions", "datasets")["properties"] |= change
    (found,) = failed(azure, "events")
    assert words in found.message


def test_a_missing_role_is_told_with_operation_scope_and_row(azure: Azure) -> None:
    azure.take_away(TABLES, "scoring")
    (found,) = failed(azure, "roles")
    assert re.search(
        r"id-scoring-\w+ may not Microsoft.Storage/.*/tableServices/tables/delete", found.message
    )
    assert "on the data account, for lack of Storage Table Data Contributor." in found.message
    assert found.row == "`SmokeTestFailed`, exit code 42 and an empty user log"


@pytest.mark.parametrize("identity", ["app", "training", "scoring"])
def test_an_assignment_that_lets_an_identity_delete_containers_is_told(azure: Azure, identity: str) -> None:
    """One that an earlier version has made, and that no deployment deletes."""
    role = azure.take_away(TABLES, "scoring")
    azure.memory.deployed[role["id"].lower()] = role
    account = azure.id("storageAccounts", "stdata")
    id_ = f"{account}/providers/Microsoft.Authorization/roleAssignments/earlier"
    who = guid(azure.of("userAssignedIdentities", f"id-{identity}-")["name"], "principal")
    definition = role["properties"]["roleDefinitionId"].replace(TABLES, BLOBS)
    given = {"principalId": who, "roleDefinitionId": definition, "scope": account}
    azure.memory.deployed[id_.lower()] = {
        "id": id_,
        "type": role["type"],
        "name": "earlier",
        "properties": given,
    }
    (found,) = failed(azure, "roles")
    assert found.outcome is Outcome.FAILED
    assert re.search(
        rf"id-{identity}-\w+ may delete containers of the data account, by {re.escape(id_)}: ", found.message
    )


def test_an_identity_that_is_gone_is_told(azure: Azure) -> None:
    del azure.memory.deployed[azure.id("userAssignedIdentities", "id-events-").lower()]
    (found,) = failed(azure, "roles")
    assert "the identity id-events-" in found.message


def no_batch_cores(azure: Azure) -> None:
    azure.of("batchAccounts")["properties"]["dedicatedCoreQuotaPerVMFamily"] = []


def no_spot_cores(azure: Azure) -> None:
    azure.of("batchAccounts/pools")["properties"]["scaleSettings"]["autoScale"]["formula"] = (
        "$TargetDedicatedNodes = 0;"
    )


def no_cluster_cores(azure: Azure) -> None:
    azure.region("Microsoft.MachineLearningServices", "usages", [])


def no_such_size(azure: Azure) -> None:
    azure.region("Microsoft.MachineLearningServices", "vmSizes", [])


@pytest.mark.parametrize(
    ("check", "change", "words"),
    [
        (
            "batch quota",
            no_batch_cores,
            "needs 2 cores a node, and the quota is 0 Batch cores of standardDSv3Family",
        ),
        ("batch quota", no_spot_cores, "the quota is 0 Batch cores of spot nodes"),
        ("cluster quota", no_cluster_cores, "needs 4 cores a node, and the quota is 0 Azure ML cores"),
        ("cluster quota", no_such_size, "Azure ML does not list Standard_DS3_v2 in localcloud"),
    ],
)
def test_a_quota_that_is_too_small_is_told(
    azure: Azure, check: str, change: Callable[[Azure], None], words: str
) -> None:
    change(azure)
    (found,) = failed(azure, check)
    assert found.outcome is Outcome.FAILED
    assert words in found.message
    assert found.row


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"name": {"value": "StandardDSv2Family"}}, True),
        ({"name": {"value": "Standard DSv2 Family Cluster Dedicated vCPUs"}}, True),
        ({"name": {"value": "x", "localizedValue": "Standard DSv2 Family Cluster Dedicated vCPUs"}}, True),
        ({"name": {"value": "standardDSv2PromoFamily"}}, False),
        ({"name": {"value": "standardDSv2Family"}, "type": "x/vmFamily/lowPriorityCores/usages"}, False),
        ({"name": {"value": "Total Cluster Dedicated Regional vCPUs"}}, False),
    ],
)
def test_a_family_is_known_by_either_of_its_names(usage: dict[str, object], counted: bool) -> None:
    assert quotas.counts(usage, "standardDSv2Family") is counted


@pytest.mark.parametrize(("total", "enough"), [(4, True), (3, False), (None, True)])
def test_a_family_without_a_limit_of_its_own_has_that_of_the_region(
    azure: Azure, total: int | None, enough: bool
) -> None:
    usages: list[dict[str, object]] = [{"name": {"value": "standardDSv2Family"}, "limit": -1}]
    if total is not None:
        usages.append({"name": {"localizedValue": "Total Cluster Dedicated Regional vCPUs"}, "limit": total})
    azure.region("Microsoft.MachineLearningServices", "usages", usages)
    assert (failed(azure, "cluster quota") == []) is enough


def test_lists_are_read_to_their_last_page_wherever_azure_says_that_it_is(azure: Azure) -> None:
    path = f"{azure.id('sites')}/functions".lower()
    first, second = azure.answers[path]["value"][:3], azure.answers[path]["value"][3:]
    link = f"https://management.test:443{path}?api-version=2025-03-01&$skiptoken=2"
    azure.say(path, {"value": first, "nextLink": link}, {"value": second})
    assert failed(azure, "functions") == []


def test_a_region_may_be_told_by_its_display_name(azure: Azure) -> None:
    azure.of("batchAccounts")["location"] = "Local Cloud"
    azure.of("workspaces", "mlw-")["location"] = "Local Cloud"
    assert failed(azure, "batch quota") == []
    assert failed(azure, "cluster quota") == []


def test_an_assignment_above_the_subscription_counts(azure: Azure) -> None:
    role = azure.take_away(TABLES, "scoring")
    group = "/providers/Microsoft.Management/managementGroups/all"
    role["id"] = f"{group}/providers/Microsoft.Authorization/roleAssignments/1"
    role["properties"]["scope"] = group
    azure.memory.deployed[role["id"].lower()] = role
    assert failed(azure, "roles") == []


def test_an_assignment_with_a_condition_of_another_language_leaves_open_what_it_allows(azure: Azure) -> None:
    role = azure.take_away(TABLES, "scoring")
    role["properties"]["condition"] = "@Request[x] Unheard 'of'"
    azure.memory.deployed[role["id"].lower()] = role
    (found,) = failed(azure, "roles")
    assert found.outcome is Outcome.NOT_CHECKED
    assert "it is unknown whether an assignment allows" in found.message


@pytest.mark.parametrize(("status", "outcome"), [(403, "not checked"), (501, "not checked"), (500, "failed")])
def test_a_refused_question_is_told_in_the_words_of_the_refusal(
    azure: Azure, status: int, outcome: str
) -> None:
    body = {"error": {"code": "AuthorizationFailed", "message": "The client may not."}}
    azure.answers[f"{azure.id('sites')}/functions".lower()] = httpx.Response(status, json=body)
    (found,) = failed(azure, "functions")
    assert found.outcome == outcome
    assert f"{status} The client may not." in found.message
