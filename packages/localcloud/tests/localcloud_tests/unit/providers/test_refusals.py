"""What providers refuse, with the status and the code that Azure gives."""

from collections.abc import Iterator
from typing import Any

import pytest
from localcloud.providers.checks import type_of
from localcloud.service import Cloud

from localcloud_tests.unit.providers.conftest import (
    ACCOUNT,
    ACTIONS,
    GOOD,
    GROUP_ID,
    IDENTITY,
    INSIGHTS,
    LOGS,
    PROVIDERS,
    REGISTRY,
    SYSTEM_TOPIC,
    TOPIC,
    VAULT,
    WORKSPACE,
    Json,
    Manager,
    located,
    version_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORAGE = f"{PROVIDERS}/Microsoft.Storage/storageAccounts"
INSIGHTS_TYPES = f"{PROVIDERS}/Microsoft.Insights"
OTHER_ACCOUNT = f"{ACCOUNT}3"
OTHER_VAULT = f"{VAULT}3"
CONTAINERS = f"{ACCOUNT}/blobServices/default/containers"
POLICY = f"{ACCOUNT}/managementPolicies/default"
SETTING = f"{TOPIC}/providers/Microsoft.Insights/diagnosticSettings/logs"
METRIC_ALERT = f"{INSIGHTS_TYPES}/metricAlerts/late"
LOG_ALERT = f"{INSIGHTS_TYPES}/scheduledQueryRules/failed"
WORKBOOK = f"{INSIGHTS_TYPES}/workbooks/11111111-2222-3333-4444-555555555555"
VAULT_TOPIC = "Microsoft.KeyVault.vaults"
ALL_LOGS = [{"categoryGroup": "allLogs", "enabled": True}]


def changed(id_: str, **properties: Any) -> Json:
    """The good body of a resource with other properties; None leaves one out."""
    merged = {**GOOD[id_].get("properties", {}), **properties}
    return GOOD[id_] | {"properties": {name: value for name, value in merged.items() if value is not None}}


def without(id_: str, name: str) -> Json:
    return {each: value for each, value in GOOD[id_].items() if each != name}


def by(*identities: str, kind: str = "UserAssigned") -> Json:
    return {"type": kind, "userAssignedIdentities": {each: {} for each in identities}}


def rule(**parts: Any) -> Json:
    definition = {"actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 1}}}}
    return {"name": "old", "type": "Lifecycle", "definition": definition, **parts}


def policy(*rules: Json) -> Json:
    return {"properties": {"policy": {"rules": [*rules]}}}


def metric_alert(**properties: Any) -> Json:
    criterion = {
        "name": "late",
        "metricName": "DeadLetteredCount",
        "criterionType": "StaticThresholdCriterion",
        "timeAggregation": "Total",
        "operator": "GreaterThan",
        "threshold": 0,
    }
    kind = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
    given = {
        "scopes": [SYSTEM_TOPIC],
        "severity": 2,
        "enabled": True,
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "criteria": {"odata.type": kind, "allOf": [criterion]},
        "actions": [{"actionGroupId": ACTIONS}],
    }
    return {"location": "global", "properties": given | properties}


def log_alert(**properties: Any) -> Json:
    condition = {"query": "AppTraces", "operator": "GreaterThan", "threshold": 0, "timeAggregation": "Count"}
    given: Json = {
        "scopes": [LOGS],
        "severity": 2,
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "criteria": {"allOf": [condition]},
        "actions": {"actionGroups": [ACTIONS]},
    }
    return located(**{**given, **properties})


def workbook(**properties: Any) -> Json:
    given = {"displayName": "Runs", "category": "workbook", "serializedData": '{"items": []}'}
    return located("shared", **given | properties)


def workspace(**properties: Any) -> Json:
    named = {"storageAccount": ACCOUNT, "keyVault": VAULT, "applicationInsights": INSIGHTS}
    return located(**named | properties)


NAMES = [
    (f"{STORAGE}/Data1", ACCOUNT, "AccountNameInvalid"),
    (f"{STORAGE}/ab", ACCOUNT, "AccountNameInvalid"),
    (f"{STORAGE}/{'a' * 25}", ACCOUNT, "AccountNameInvalid"),
    (f"{PROVIDERS}/Microsoft.OperationalInsights/workspaces/abc", LOGS, "InvalidResourceName"),
    (f"{PROVIDERS}/Microsoft.OperationalInsights/workspaces/-logs", LOGS, "InvalidResourceName"),
    (f"{INSIGHTS_TYPES}/components/insights.", INSIGHTS, "InvalidResourceName"),
    (f"{PROVIDERS}/Microsoft.KeyVault/vaults/1vault", VAULT, "VaultNameNotValid"),
    (f"{PROVIDERS}/Microsoft.KeyVault/vaults/v--1", VAULT, "VaultNameNotValid"),
    (f"{PROVIDERS}/Microsoft.KeyVault/vaults/{'v' * 25}", VAULT, "VaultNameNotValid"),
    (f"{PROVIDERS}/Microsoft.ContainerRegistry/registries/my-images", REGISTRY, "InvalidResourceName"),
    (f"{PROVIDERS}/Microsoft.EventGrid/topics/no", TOPIC, "InvalidResourceName"),
    (f"{PROVIDERS}/Microsoft.EventGrid/topics/{'n' * 51}", TOPIC, "InvalidResourceName"),
    (f"{PROVIDERS}/Microsoft.EventGrid/systemTopics/my_uploads", SYSTEM_TOPIC, "InvalidResourceName"),
    (f"{INSIGHTS_TYPES}/actionGroups/mail&", ACTIONS, "InvalidResourceName"),
]


@pytest.mark.parametrize(("id_", "like", "code"), NAMES)
async def test_a_name_that_the_type_does_not_allow_is_refused(
    arm: Manager, id_: str, like: str, code: str
) -> None:
    answer = await arm("PUT", id_, GOOD[like])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert (await arm("GET", id_)).status_code == 404


@pytest.mark.parametrize("id_", [ACCOUNT, LOGS, INSIGHTS, VAULT, REGISTRY, TOPIC, SYSTEM_TOPIC, ACTIONS])
async def test_every_resource_of_a_group_needs_a_location_and_keeps_it(arm: Manager, id_: str) -> None:
    answer = await arm("PUT", id_, without(id_, "location"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "LocationRequired")
    moved = await arm("PUT", id_, GOOD[id_] | {"location": "Sweden Central"})
    assert (moved.status_code, moved.json()["error"]["code"]) == (409, "InvalidResourceLocation")
    same = GOOD[id_]["location"].replace("westeurope", "West Europe")
    assert (await arm("PUT", id_, GOOD[id_] | {"location": same})).status_code == 200


@pytest.mark.parametrize(
    ("id_", "body", "status", "code"),
    [
        (ACCOUNT, without(ACCOUNT, "sku"), 400, "InvalidRequestPropertyValue"),
        (ACCOUNT, without(ACCOUNT, "kind"), 400, "InvalidRequestPropertyValue"),
        (ACCOUNT, GOOD[ACCOUNT] | {"sku": {"name": "Cheap_LRS"}}, 400, "InvalidRequestPropertyValue"),
        (ACCOUNT, GOOD[ACCOUNT] | {"kind": "BlobStorage"}, 409, "PropertyChangeNotAllowed"),
        (ACCOUNT, changed(ACCOUNT, minimumTlsVersion="1.2"), 400, "InvalidRequestPropertyValue"),
        (ACCOUNT, changed(ACCOUNT, isHnsEnabled=True), 409, "PropertyChangeNotAllowed"),
        (f"{ACCOUNT}2", changed(ACCOUNT, isHnsEnabled=True), 501, "NotImplemented"),
        (ACCOUNT, GOOD[ACCOUNT] | {"properties": "none"}, 400, "InvalidRequestContent"),
        (ACCOUNT, GOOD[ACCOUNT] | {"tags": {"a": "b" * 257}}, 400, "InvalidTagValueLength"),
        (ACCOUNT, GOOD[ACCOUNT] | {"identity": {"type": "Own"}}, 400, "InvalidIdentityType"),
        (ACCOUNT, GOOD[ACCOUNT] | {"identity": by()}, 400, "InvalidIdentityValues"),
        (ACCOUNT, GOOD[ACCOUNT] | {"identity": by(f"{IDENTITY}2")}, 400, "FailedIdentityOperation"),
        (f"{ACCOUNT}/blobServices/own", {}, 400, "InvalidValuesForRequestParameters"),
        (
            f"{ACCOUNT}/blobServices/default",
            {"properties": {"deleteRetentionPolicy": {"enabled": True}}},
            400,
            "InvalidXmlNodeValue",
        ),
        (
            f"{ACCOUNT}/blobServices/default",
            {"properties": {"deleteRetentionPolicy": {"enabled": True, "days": 366}}},
            400,
            "InvalidXmlNodeValue",
        ),
        (f"{ACCOUNT}2/blobServices/default", {}, 404, "ParentResourceNotFound"),
        (f"{STORAGE}/other/blobServices/default/containers/made", {}, 404, "ParentResourceNotFound"),
        (f"{CONTAINERS}/Made", {}, 400, "InvalidResourceName"),
        (f"{CONTAINERS}/ma--de", {}, 400, "InvalidResourceName"),
        (f"{CONTAINERS}/made", {"properties": {"publicAccess": "Blob"}}, 409, "PublicAccessNotPermitted"),
        (f"{CONTAINERS}/made", {"properties": {"publicAccess": "All"}}, 400, "InvalidRequestPropertyValue"),
        (POLICY, policy(), 400, "InvalidRequestPropertyValue"),
        (POLICY, policy(rule(type="Sometimes")), 400, "InvalidRequestPropertyValue"),
        (POLICY, policy(rule(definition={})), 400, "InvalidRequestPropertyValue"),
        (POLICY, policy(rule(), rule(name="OLD")), 400, "InvalidRequestPropertyValue"),
        (LOGS, changed(LOGS, retentionInDays=3), 400, "InvalidParameter"),
        (LOGS, changed(LOGS, sku={"name": "Best"}), 400, "InvalidParameter"),
        (INSIGHTS, changed(INSIGHTS, WorkspaceResourceId=None), 400, "BadRequest"),
        (INSIGHTS, changed(INSIGHTS, WorkspaceResourceId=f"{LOGS}2"), 404, "ResourceNotFound"),
        (INSIGHTS, changed(INSIGHTS, WorkspaceResourceId=ACCOUNT), 400, "LinkedInvalidPropertyId"),
        (INSIGHTS, without(INSIGHTS, "kind"), 400, "BadRequest"),
        (SETTING, {"properties": {"logs": ALL_LOGS}}, 400, "BadRequest"),
        (SETTING, {"properties": {"logs": ALL_LOGS, "workspaceId": f"{LOGS}2"}}, 404, "ResourceNotFound"),
        (SETTING, {"properties": {"logs": [{"enabled": True}], "workspaceId": LOGS}}, 400, "BadRequest"),
        (SETTING.replace("news", "olds"), {"properties": {"workspaceId": LOGS}}, 404, "ResourceNotFound"),
        (ACTIONS, changed(ACTIONS, groupShortName="a very long name"), 400, "GroupShortNameTooLong"),
        (ACTIONS, changed(ACTIONS, groupShortName=None), 400, "BadRequest"),
        (
            ACTIONS,
            changed(ACTIONS, emailReceivers=[{"name": "me", "emailAddress": "nowhere"}]),
            400,
            "EmailAddressInvalid",
        ),
        (
            ACTIONS,
            changed(ACTIONS, emailReceivers=[{"name": "me", "emailAddress": "me@example.com"}] * 2),
            400,
            "ReceiverNamesNotUnique",
        ),
        (METRIC_ALERT, metric_alert(scopes=[f"{SYSTEM_TOPIC}2"]), 404, "ResourceNotFound"),
        (METRIC_ALERT, metric_alert(severity=5), 400, "BadRequest"),
        (METRIC_ALERT, metric_alert(windowSize="PT2M"), 400, "BadRequest"),
        (METRIC_ALERT, metric_alert(criteria={"odata.type": "Any", "allOf": []}), 400, "BadRequest"),
        (METRIC_ALERT, metric_alert(actions=[{"actionGroupId": f"{ACTIONS}2"}]), 404, "ResourceNotFound"),
        (LOG_ALERT, log_alert(criteria={"allOf": []}), 400, "BadRequest"),
        (LOG_ALERT, log_alert(scopes=[f"{LOGS}2"]), 404, "ResourceNotFound"),
        (LOG_ALERT, log_alert(actions={"actionGroups": [f"{ACTIONS}2"]}), 404, "ResourceNotFound"),
        (WORKBOOK, workbook(serializedData="{"), 400, "BadRequest"),
        (WORKBOOK, workbook(displayName=None), 400, "BadRequest"),
        (WORKBOOK.replace("1111", "one"), workbook(), 400, "InvalidResourceName"),
        (REGISTRY, without(REGISTRY, "sku"), 400, "InvalidParameter"),
        (REGISTRY, GOOD[REGISTRY] | {"sku": {"name": "Free"}}, 400, "InvalidParameter"),
        (VAULT, changed(VAULT, tenantId=None), 400, "BadRequest"),
        (VAULT, changed(VAULT, sku={"family": "A", "name": "gold"}), 400, "BadRequest"),
        (VAULT, changed(VAULT, enableSoftDelete=False), 400, "BadRequest"),
        (VAULT, changed(VAULT, enablePurgeProtection=False), 400, "BadRequest"),
        (VAULT, changed(VAULT, enableRbacAuthorization=False), 501, "NotImplemented"),
        (VAULT, changed(VAULT, softDeleteRetentionInDays=91), 400, "BadRequest"),
        (VAULT, changed(VAULT, softDeleteRetentionInDays=30), 409, "PropertyChangeNotAllowed"),
        (f"{VAULT}/secrets/key_1", {"properties": {"value": "x"}}, 400, "InvalidResourceName"),
        (f"{VAULT}/secrets/key", {"properties": {}}, 400, "BadRequest"),
        (f"{VAULT}2/secrets/key", {"properties": {"value": "x"}}, 404, "ParentResourceNotFound"),
        (TOPIC, changed(TOPIC, inputSchema="CloudEventSchemaV1_0"), 409, "PropertyChangeNotAllowed"),
        (f"{TOPIC}2", changed(TOPIC, inputSchema="CloudEventSchemaV1_0"), 501, "NotImplemented"),
        (TOPIC, changed(TOPIC, minimumTlsVersionAllowed="2.0"), 400, "InvalidRequest"),
        (SYSTEM_TOPIC, changed(SYSTEM_TOPIC, source=f"{ACCOUNT}2"), 409, "PropertyChangeNotAllowed"),
        (SYSTEM_TOPIC, changed(SYSTEM_TOPIC, topicType=VAULT_TOPIC), 409, "PropertyChangeNotAllowed"),
        (f"{SYSTEM_TOPIC}2", changed(SYSTEM_TOPIC, topicType=VAULT_TOPIC), 501, "NotImplemented"),
        (f"{SYSTEM_TOPIC}2", GOOD[SYSTEM_TOPIC], 400, "InvalidRequest"),
        (f"{SYSTEM_TOPIC}2", changed(SYSTEM_TOPIC, source=f"{ACCOUNT}2"), 404, "ResourceNotFound"),
        (f"{SYSTEM_TOPIC}2", changed(SYSTEM_TOPIC, source=VAULT), 501, "NotImplemented"),
        (WORKSPACE.replace("models", "m"), workspace(), 400, "BadRequest"),
        (WORKSPACE, workspace(keyVault=None), 400, "BadRequest"),
        (WORKSPACE, workspace(storageAccount=f"{ACCOUNT}2"), 404, "ResourceNotFound"),
        (WORKSPACE, workspace(containerRegistry=f"{REGISTRY}2"), 404, "ResourceNotFound"),
        (WORKSPACE, workspace(applicationInsights=LOGS), 400, "LinkedInvalidPropertyId"),
        (WORKSPACE, workspace(systemDatastoresAuthMode="Key"), 400, "BadRequest"),
        (WORKSPACE, workspace() | {"identity": by(IDENTITY)}, 400, "BadRequest"),
        (GROUP_ID, {"location": "eastus"}, 409, "InvalidResourceGroupLocation"),
        (GROUP_ID, {}, 400, "LocationRequired"),
    ],
)
async def test_a_wrong_resource_is_refused_with_azures_code_and_changes_nothing(
    arm: Manager, id_: str, body: Json, status: int, code: str
) -> None:
    before = await arm("GET", id_)
    answer = await arm("PUT", id_, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json()["error"]["message"]
    after = await arm("GET", id_)
    assert (after.status_code, after.content) == (before.status_code, before.content)


@pytest.fixture
def existing(cloud: Cloud) -> Iterator[None]:
    """A workspace, stored without its containers, and other resources that it could name."""
    others = {OTHER_ACCOUNT: GOOD[ACCOUNT], OTHER_VAULT: GOOD[VAULT], WORKSPACE: workspace()}
    for id_, body in others.items():
        cloud.inventory.put(type_of(id_), id_, body, body["properties"])
    yield
    for id_ in others:
        cloud.inventory.delete(id_)


@pytest.mark.parametrize(
    "change", [{"storageAccount": OTHER_ACCOUNT}, {"keyVault": OTHER_VAULT}, {"hbiWorkspace": True}]
)
async def test_a_workspace_keeps_its_account_its_vault_and_what_it_reports(
    arm: Manager, existing: None, change: Json
) -> None:
    before = (await arm("GET", WORKSPACE)).json()
    answer = await arm("PUT", WORKSPACE, workspace(**change))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "PropertyChangeNotAllowed")
    assert answer.json()["error"]["target"] == f"properties.{next(iter(change))}"
    assert (await arm("GET", WORKSPACE)).json() == before


async def test_what_cannot_be_changed_keeps_its_value_where_a_put_leaves_it_out(arm: Manager) -> None:
    made = await arm("PUT", f"{VAULT}4", changed(VAULT, softDeleteRetentionInDays=7))
    assert made.status_code == 201
    again = await arm("PUT", f"{VAULT}4", GOOD[VAULT])
    assert (again.status_code, again.json()["properties"]["softDeleteRetentionInDays"]) == (200, 7)
    refused = await arm("PUT", f"{VAULT}4", changed(VAULT, softDeleteRetentionInDays=90))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "PropertyChangeNotAllowed")
    assert (await arm("DELETE", f"{VAULT}4")).status_code == 200


@pytest.mark.parametrize("version", ["", "2019-02-30x", "2031-01-01", "2001-01-01", "latest"])
async def test_an_api_version_is_one_of_the_type(arm: Manager, version: str) -> None:
    answer = await arm("GET", ACCOUNT, version=version)
    wanted = "NoRegisteredProviderFound" if version else "MissingApiVersionParameter"
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, wanted)


@pytest.mark.parametrize(
    ("id_", "body"),
    [
        (SETTING, {"properties": {"logs": ALL_LOGS, "workspaceId": LOGS}}),
        (METRIC_ALERT, metric_alert()),
        (LOG_ALERT, log_alert()),
        (WORKBOOK, workbook()),
        (POLICY, policy(rule(), rule(name="older"))),
        (f"{ACCOUNT}/blobServices/default", {"properties": {"isVersioningEnabled": True}}),
        (ACCOUNT, GOOD[ACCOUNT] | {"identity": by(IDENTITY, kind="SystemAssigned, UserAssigned")}),
    ],
)
async def test_a_right_resource_is_taken_listed_and_deleted(arm: Manager, id_: str, body: Json) -> None:
    known = id_ == ACCOUNT
    made = await arm("PUT", id_, body)
    assert made.status_code in (200, 201), made.text
    assert (await arm("GET", id_.upper(), version=version_of(id_))).json() == made.json()
    listed = (await arm("GET", id_.rpartition("/")[0])).json()["value"]
    assert [each for each in listed if each["id"] == id_] == [made.json()]
    if not known:
        assert [(await arm("DELETE", id_)).status_code for _ in range(2)] == [200, 204]
        assert (await arm("GET", id_)).json().get("name") in (None, "default")


@pytest.mark.parametrize(
    ("id_", "named"),
    [
        (SETTING, "Microsoft.Insights/diagnosticSettings/logs"),
        (POLICY, "Microsoft.Storage/storageAccounts/managementPolicies/data/default"),
    ],
)
async def test_what_is_not_there_is_named_by_its_type_and_its_name(
    arm: Manager, id_: str, named: str
) -> None:
    error = (await arm("GET", id_)).json()["error"]
    assert (error["code"], error["message"]) == (
        "ResourceNotFound",
        f"The Resource '{named}' under resource group 'lab' was not found.",
    )
