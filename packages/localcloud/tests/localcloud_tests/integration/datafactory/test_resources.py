"""Factories, linked services and pipelines: publishing, reading, deleting, and access rights."""

import ssl
from typing import Any

import httpx
import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.mgmt.datafactory.models import Factory as FactoryModel
from azure.mgmt.datafactory.models import PipelineResource
from localcloud import core_tools
from localcloud.home import SUBSCRIPTION

from localcloud_tests.integration.datafactory.conftest import Factory, after, custom, reference
from localcloud_tests.resources import (
    BATCH_ACCOUNT,
    FACTORY,
    POOL,
    RESOURCE_GROUP,
    STORAGE_ACCOUNT,
    STORAGE_ID,
    blob_url,
)

pytestmark = pytest.mark.integration


def refused(
    factory: Factory, name: str, *activities: dict[str, Any], **properties: Any
) -> tuple[int, str, str]:
    """Publish, and return the status, code and message of the refusal."""
    with pytest.raises(HttpResponseError) as error:
        factory.publish(name, *activities)
    assert error.value.error is not None
    with pytest.raises(ResourceNotFoundError):
        factory.client.pipelines.get(*factory.scope, name)
    assert error.value.status_code is not None
    return error.value.status_code, str(error.value.error.code), str(error.value.error.message)


def extended(value: Any, **fields: Any) -> dict[str, Any]:
    """An activity with `value` in its extendedProperties."""
    return custom("Ask", "true", type_properties={"extendedProperties": {"x": value}}, **fields)


@pytest.mark.parametrize(
    ("value", "status", "named"),
    [
        ("@conact('a', 'b')", 400, "conact"),
        ("@concat('a', ", 400, "@concat('a', "),
        ("before @{toUpper(} after", 400, "toUpper("),
        ("@if(true, 1)", 400, "if"),
        ("@pipeline().parameters.unknown", 400, "unknown"),
        ("@variables('unknown')", 400, "unknown"),
        ("@activity('Elsewhere').output", 400, "Elsewhere"),
        ("@utcNow()", 501, "utcNow"),
        ("@pipeline().TriggerTime", 501, "TriggerTime"),
        ({"value": "@addDays('2026-01-01', 1)", "type": "Expression"}, 501, "addDays"),
    ],
)
def test_an_expression_that_cannot_be_evaluated_is_refused_by_name_when_published(
    factory: Factory, value: Any, status: int, named: str
) -> None:
    answer, _, message = refused(factory, "refused", extended(value))
    assert answer == status
    assert named in message


@pytest.mark.parametrize(
    ("activity", "status", "named"),
    [
        ({"name": "Move", "type": "Copy", "typeProperties": {}}, 501, "'Copy'"),
        (custom("Spaced", " true"), 400, "space"),
        (custom("Half", "true", type_properties={"folderPath": "a/b"}), 400, "resourceLinkedService"),
        (custom("x" * 56, "true"), 400, "55"),
        (
            custom("Lonely", "true", dependsOn=after("A", "Succeeded")),
            400,
            "'A'",
        ),
        (custom("Hasty", "true", policy={"retryIntervalInSeconds": 5}), 400, "30"),
        (custom("Late", "true", policy={"timeout": "an hour"}), 400, "D.HH:MM:SS"),
        (custom("Linked", "true", linkedServiceName=reference("none")), 400, "none"),
    ],
)
def test_an_activity_that_could_not_run_is_refused_by_name_when_published(
    factory: Factory, activity: dict[str, Any], status: int, named: str
) -> None:
    answer, _, message = refused(factory, "refused", activity)
    assert answer == status
    assert named in message


def test_activities_that_wait_for_each_other_are_refused(factory: Factory) -> None:
    each_other = [
        custom(name, "true", dependsOn=after(other, "Succeeded")) for name, other in (("A", "B"), ("B", "A"))
    ]
    status, code, message = refused(factory, "circle", *each_other)
    assert (status, code) == (400, "BadRequest")
    assert "circle" in message


def test_a_run_without_a_value_for_a_parameter_is_refused_by_the_parameters_name(factory: Factory) -> None:
    parameters = {"runKey": {"type": "String"}, "epochs": {"type": "Int", "defaultValue": 50}}
    factory.publish("asks", custom("Ok", "true"), parameters=parameters)
    for given, named in (({}, "runKey"), ({"runKey": 1}, "runKey"), ({"runKey": "x", "epoch": 1}, "epoch")):
        with pytest.raises(HttpResponseError) as error:
            factory.start("asks", **given)
        assert error.value.status_code == 400
        assert error.value.error is not None
        assert error.value.error.code == "BadRequest"
        assert f"'{named}'" in str(error.value.error.message)


def test_a_pipeline_is_read_back_as_it_was_written_listed_and_deleted(factory: Factory) -> None:
    factory.publish("train", custom("Ok", "true"))
    factory.publish("written", custom("Ok", "true"), concurrency=3, annotations=["a"])
    written = factory.client.pipelines.get(*factory.scope, "written")
    assert written is not None
    assert (written.name, written.properties.concurrency) == ("written", 3)
    assert str(written.type) == "Microsoft.DataFactory/factories/pipelines"
    names = {each.name for each in factory.client.pipelines.list_by_factory(*factory.scope)}
    assert {"train", "written"} <= names
    with pytest.raises(ResourceModifiedError):
        factory.client.pipelines.create_or_update(
            *factory.scope,
            "written",
            PipelineResource({"properties": {"activities": []}}),
            etag="another",
            match_condition=MatchConditions.IfNotModified,
        )
    factory.client.pipelines.delete(*factory.scope, "written")
    with pytest.raises(ResourceNotFoundError) as gone:
        factory.client.pipelines.get(*factory.scope, "written")
    assert gone.value.error is not None
    assert gone.value.error.code == "EntityNotFound"


def test_a_linked_service_shows_no_secret_and_is_kept_while_it_is_referred_to(factory: Factory) -> None:
    with core_tools.manager(factory.home) as arm:
        listed = core_tools.asked(arm, "POST", f"{STORAGE_ID}/listKeys", "2025-08-01")
    key = listed["keys"][0]["value"]
    named = f"AccountName={STORAGE_ACCOUNT};AccountKey={key}"
    connection = f"DefaultEndpointsProtocol=https;{named};BlobEndpoint={blob_url(factory.home)}"
    factory.link("keyed", "AzureBlobStorage", connectionString=connection)
    found = factory.client.linked_services.get(*factory.scope, "keyed")
    assert found is not None
    assert key not in str(found.as_dict())
    factory.publish("keyed", custom("Ok", "true", type_properties={
        "folderPath": factory.upload("keyed", main__py=""), "resourceLinkedService": reference("keyed"),
    }))  # fmt: skip
    assert factory.ended(factory.start("keyed")).status == "Succeeded"
    with pytest.raises(HttpResponseError, match="keyed"):
        factory.client.linked_services.delete(*factory.scope, "keyed")
    factory.client.pipelines.delete(*factory.scope, "keyed")
    factory.client.linked_services.delete(*factory.scope, "keyed")


def test_a_second_factory_has_resources_of_its_own(factory: Factory) -> None:
    model = FactoryModel(location="here")
    made = factory.client.factories.create_or_update(RESOURCE_GROUP, "second-factory", model)
    assert (made.name, made.provisioning_state) == ("second-factory", "Succeeded")
    assert list(factory.client.pipelines.list_by_factory(RESOURCE_GROUP, "second-factory")) == []
    names = {each.name for each in factory.client.factories.list_by_resource_group(RESOURCE_GROUP)}
    assert {FACTORY, "second-factory"} <= names
    factory.client.factories.delete(RESOURCE_GROUP, "second-factory")
    with pytest.raises(ResourceNotFoundError) as gone:
        factory.client.pipelines.get(RESOURCE_GROUP, "second-factory", "train")
    assert gone.value.error is not None
    assert gone.value.error.code == "ResourceNotFound"
    with pytest.raises(HttpResponseError, match="no valid name"):
        factory.client.factories.create_or_update(RESOURCE_GROUP, "-bad-", model)


def test_requests_that_are_not_imitated_are_answered_with_501(factory: Factory) -> None:
    with pytest.raises(HttpResponseError) as error:
        list(factory.client.triggers.list_by_factory(*factory.scope))
    assert error.value.status_code == 501


def test_nothing_is_answered_without_a_token(factory: Factory) -> None:
    path = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.DataFactory"
        f"/factories/{FACTORY}/pipelines/train/createRun?api-version=2018-06-01"
    )
    answer = httpx.post(
        factory.home.resource_manager + path,
        json={},
        verify=ssl.create_default_context(cafile=factory.home.ca_bundle),
        proxy=factory.home.proxy,
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")


def test_resource_manager_returns_the_pool(factory: Factory) -> None:
    token = factory.credential.get_token(f"{factory.home.resource_manager}/.default").token
    account = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.Batch"
        f"/batchAccounts/{BATCH_ACCOUNT}"
    )

    def get(path: str) -> httpx.Response:
        return httpx.get(
            f"{factory.home.resource_manager}{path}?api-version=2025-06-01",
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=factory.home.ca_bundle),
            proxy=factory.home.proxy,
            trust_env=False,
        )

    pool = get(f"{account}/pools/{POOL}").json()
    assert (pool["name"], pool["properties"]["taskSlotsPerNode"]) == (POOL, 2)
    assert (
        get(account).json()["properties"]["accountEndpoint"]
        == f"{BATCH_ACCOUNT}.localcloud.batch.{factory.home.suffix}"
    )
    assert get(f"{account}/pools/other").status_code == 404
    assert [node["state"] for node in factory.control("GET", "batch/nodes").json()["value"]] == ["idle"]
