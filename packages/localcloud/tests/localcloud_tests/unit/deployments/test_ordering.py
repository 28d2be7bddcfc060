"""The order of resources: what each rule puts first, what stays, and what is refused."""

import itertools
from typing import Any

import pytest
from localcloud.deployments.ordering import SnapshotError, ordered
from localcloud.deployments.syntax import ExpressionError

from localcloud_tests.unit.deployments.memory import GROUP, SUBSCRIPTION, Memory

STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/st"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id"
FACTORY = f"{GROUP}/providers/Microsoft.DataFactory/factories/adf"
SITE = f"{GROUP}/providers/Microsoft.Web/sites/func"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/mlw"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
PRINCIPAL = f"[reference('{IDENTITY}', '2024-11-30').principalId]"


def resource(id_: str, type_: str = "Microsoft.Any/things", **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": type_, "name": id_.rpartition("/")[2], "apiVersion": "1", **rest}


def named(name: str, **properties: Any) -> dict[str, Any]:
    return resource(f"{GROUP}/providers/Microsoft.Any/things/{name}", properties=properties)


def role(scope: str, principal: str = PRINCIPAL) -> dict[str, Any]:
    """A role assignment as the compiler writes it: its name hangs on its principal."""
    guid = f"guid('{scope}', {principal.strip('[]')}, 'role')"
    return resource(
        f"[extensionResourceId('{scope}', '{ASSIGNMENT}', {guid})]",
        ASSIGNMENT,
        properties={"principalId": principal},
    )


def carrying(id_: str, *identities: str) -> dict[str, Any]:
    identity = {"type": "UserAssigned", "userAssignedIdentities": {each: {} for each in identities}}
    return resource(id_, identity=identity)


def order(*resources: dict[str, Any]) -> list[int]:
    """The places that resources had before they were put in order."""
    return [resources.index(each) for each in ordered(resources, Memory())]


def assert_first(first: dict[str, Any], then: dict[str, Any]) -> None:
    """In whatever order the two are given."""
    assert order(first, then) == [0, 1]
    assert order(then, first) == [1, 0]


def test_what_nothing_holds_back_stays_as_it_is() -> None:
    assert order(named("b"), named("a"), named("c")) == [0, 1, 2]


def test_a_parent_comes_before_its_children_whatever_the_case() -> None:
    child = resource(f"{STORAGE}/blobServices/default/containers/c")
    assert_first(resource(STORAGE), child)
    assert_first(resource(STORAGE.upper()), child)
    assert_first(resource(GROUP, "Microsoft.Resources/resourceGroups"), resource(STORAGE))


def test_a_scope_comes_before_what_extends_it() -> None:
    assert_first(resource(STORAGE), role(STORAGE, "[deployer().objectId]"))
    assert_first(
        resource(STORAGE), resource(f"{STORAGE}/providers/Microsoft.Insights/diagnosticSettings/logs")
    )


def test_a_resource_comes_before_what_names_its_id_in_a_text() -> None:
    assert_first(resource(STORAGE), named("a", storage=STORAGE.lower()))
    assert_first(resource(STORAGE), named("a", list=[{"of": f"see {STORAGE}, please"}]))
    assert_first(resource(STORAGE), named("a", container=f"{STORAGE}/blobServices/default/containers/c"))
    assert_first(resource(IDENTITY), carrying(SITE, IDENTITY))


def test_an_id_that_only_begins_alike_is_another() -> None:
    assert order(named("a", storage=f"{STORAGE}2"), resource(STORAGE)) == [0, 1]
    assert order(resource(f"{GROUP}-other/providers/Microsoft.Any/things/a"), resource(GROUP)) == [0, 1]
    tenant = resource("/providers/Microsoft.Any/things/x")
    assert order(named("a", other=f"{GROUP}/providers/Microsoft.Any/things/x"), tenant) == [0, 1]
    assert_first(tenant, named("a", of="/providers/Microsoft.Any/things/x"))


def test_a_resource_comes_before_what_refers_to_it_in_an_expression() -> None:
    assert_first(resource(STORAGE), named("a", url=f"[reference('{STORAGE}', '1').primaryEndpoints.blob]"))
    assert_first(resource(STORAGE), named("a", key=f"[listKeys('{STORAGE.upper()}', '1').keys[0].value]"))
    written = (
        "resourceId('22222222-2222-2222-2222-222222222222', 'rg', 'Microsoft.Storage/storageAccounts', 'st')"
    )
    assert_first(resource(STORAGE), named("a", url=f"[reference({written}, '1').x]"))
    assert_first(resource(STORAGE), named("a", hash=f"[guid({written})]"))


def test_both_values_of_a_condition_count() -> None:
    either = f"[if(empty(environment().x), 'a', reference('{STORAGE}', '1').x)]"
    unlike = f"[if(environment().x, reference('{STORAGE}', '1').x, 'a')]"
    for each in (either, unlike):
        assert_first(resource(STORAGE), named("a", x=each))


@pytest.mark.parametrize(
    "expression",
    [
        "[split(reference('{id}', '1').primaryEndpoints.blob, '/')[2]]",
        "[json(format('{{\"a\": {0}}}', reference('{id}', '1').count)).a]",
        "[not(empty(reference('{id}', '1').list[0].of))]",
        "[not(reference('{id}', '1').on)]",
        "[filter(reference('{id}', '1').list, lambda('x', true()))[0].name]",
        "[if(not(reference('{id}', '1').on), 'a', 'b')]",
    ],
)
def test_what_cannot_be_known_beforehand_does_not_hinder_the_order(expression: str) -> None:
    assert_first(resource(STORAGE), named("a", x=expression.replace("{id}", STORAGE)))


def test_what_cannot_be_evaluated_at_all_is_refused_before_the_first_resource() -> None:
    with pytest.raises(ExpressionError, match="does not know the function 'copyIndex'"):
        order(named("a"), named("b", x="[copyIndex()]"))
    with pytest.raises(ExpressionError, match="out of bounds"):
        order(named("a"), named("b", x="[split('a', '/')[2]]"))


def test_an_id_that_hangs_on_an_unknown_condition_has_the_second_value() -> None:
    made = resource(f"[if(environment().x, '{STORAGE}', '{IDENTITY}')]")
    assert_first(made, named("a", of=IDENTITY))
    assert order(named("a", of=STORAGE), made) == [0, 1]


def test_the_case_of_an_id_makes_no_other_principal() -> None:
    shouted = PRINCIPAL.replace(IDENTITY, IDENTITY.upper())
    assert_first(role(STORAGE, shouted), carrying(SITE, IDENTITY))
    assert order(carrying(SITE, f"{IDENTITY}2"), named("a"), role(WORKSPACE, shouted)) == [2, 1, 0]
    other = named("b", of=f"[concat('{GROUP}/x/', reference('{STORAGE.upper()}', '1').a)]")
    made = resource(f"[concat('{GROUP}/x/', reference('{STORAGE}', '1').a)]")
    assert_first(made, other)


def test_ids_that_are_known_only_while_deploying_are_compared() -> None:
    container = f"format('c-{{0}}', reference('{WORKSPACE}', '1').workspaceId)"
    path = f"split(format('st/default/{{0}}', {container}), '/')"
    kind = "'Microsoft.Storage/storageAccounts/blobServices/containers'"
    scope = f"'{SUBSCRIPTION}', 'rg'"
    made = resource(f"[resourceId({scope}, {kind}, {path}[0], {path}[1], {path}[2])]")
    used = f"resourceId({scope}, {kind}, 'st', 'default', {container})"
    assignment = resource(f"[extensionResourceId({used}, '{ASSIGNMENT}', guid({used}))]", ASSIGNMENT)
    workspace = resource(WORKSPACE)
    for given in itertools.permutations([workspace, made, assignment]):
        assert ordered(given, Memory()) == [workspace, made, assignment]


def test_the_blob_service_of_an_account_comes_before_its_management_policy() -> None:
    policy = resource(
        f"{STORAGE}/managementPolicies/default", "Microsoft.Storage/storageAccounts/managementPolicies"
    )
    assert_first(resource(f"{STORAGE}/blobServices/default"), policy)
    assert order(policy, resource(f"{STORAGE}2/blobServices/default")) == [0, 1]


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("linkedservices", "LinkedServiceReference"),
        ("credentials", "CredentialReference"),
        ("datasets", "DatasetReference"),
        ("pipelines", "PipelineReference"),
        ("integrationRuntimes", "IntegrationRuntimeReference"),
    ],
)
def test_in_a_data_factory_a_name_refers(kind: str, type_: str) -> None:
    referring = {"activities": [{"x": {"referenceName": "One", "type": type_}}]}
    user = resource(f"{FACTORY}/pipelines/train", properties=referring)
    assert_first(resource(f"{FACTORY}/{kind}/one"), user)
    assert order(user, resource(f"{FACTORY}2/{kind}/one")) == [0, 1]
    assert order(named("a", **referring), resource(f"{FACTORY}/{kind}/one")) == [0, 1]


def test_roles_come_as_soon_as_they_can() -> None:
    given = [named("a"), resource(IDENTITY), named("b"), resource(STORAGE), named("c"), role(STORAGE)]
    assert order(*given) == [0, 1, 2, 3, 5, 4]


def test_what_carries_an_identity_comes_after_the_roles_of_that_identity() -> None:
    given = [carrying(SITE, IDENTITY), role(STORAGE), resource(STORAGE), resource(IDENTITY)]
    for each in itertools.permutations(given):
        assert ordered(each, Memory())[2:] == [given[1], given[0]]


def test_roles_on_another_carrier_are_waited_for() -> None:
    site, workspace = carrying(SITE, IDENTITY), carrying(WORKSPACE, f"{IDENTITY}2")
    given = [site, role(WORKSPACE), workspace, resource(IDENTITY), resource(f"{IDENTITY}2")]
    assert order(*given) == [3, 4, 2, 1, 0]


def test_a_role_that_needs_the_carrier_follows_it() -> None:
    """A workspace manages itself."""
    workspace = carrying(WORKSPACE, IDENTITY)
    given = [role(WORKSPACE), role(STORAGE), workspace, resource(STORAGE), resource(IDENTITY)]
    assert order(*given) == [3, 4, 1, 2, 0]


def test_two_carriers_that_have_roles_on_each_other_can_be_deployed() -> None:
    one, two = carrying(SITE, IDENTITY), carrying(WORKSPACE, f"{IDENTITY}2")
    back = role(SITE, PRINCIPAL.replace("/id'", "/id2'"))
    given = [one, two, role(WORKSPACE), back, resource(IDENTITY), resource(f"{IDENTITY}2")]
    for each in (given, given[::-1], given[3:] + given[:3]):
        assert sorted(map(given.index, ordered(each, Memory()))) == [*range(6)]


def test_what_carries_an_identity_comes_last_of_what_nothing_holds_back() -> None:
    assert order(resource(SITE, identity={"type": "SystemAssigned"}), named("a"), named("b")) == [1, 2, 0]


def test_a_cycle_is_refused_and_names_its_members() -> None:
    a, b = named("a"), named("b")
    a["properties"], b["properties"] = {"of": b["id"]}, {"of": a["id"]}
    with pytest.raises(SnapshotError, match="need each other") as refused:
        order(named("c"), a, b)
    said = str(refused.value)
    assert (a["id"].lower() in said, b["id"].lower() in said, "things/c" in said) == (True, True, False)


def test_an_id_that_is_there_twice_is_refused() -> None:
    with pytest.raises(SnapshotError, match="things/a is there twice"):
        order(named("a"), named("A"))
    with pytest.raises(SnapshotError, match="is there twice"):
        order(resource(STORAGE), resource(IDENTITY), role(STORAGE), role(STORAGE))
