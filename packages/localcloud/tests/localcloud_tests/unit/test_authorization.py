"""Identities, role definitions and role assignments, over HTTP."""

from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from localcloud.grants import ASSIGNMENT, DEFINITION, OWNER
from localcloud.home import SUBSCRIPTION
from localcloud.identities import PLATFORM, USER_ASSIGNED, Principal

from localcloud_tests.unit import world as worlds
from localcloud_tests.unit.world import LAB, ROBOT, ROOT, TOPIC_ID, Use, World

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
OWN = f"{LAB}/providers/{USER_ASSIGNED}/own-identity"
MINE = str(uuid4())
WORD = {"PUT": "write", "DELETE": "delete"}
Json = dict[str, Any]


@pytest.fixture
def use(tmp_path: Path) -> Use:
    return partial(worlds.run, tmp_path)


async def as_person(world: World, method: str, path: str, body: Any = None, **query: str) -> Json:
    """What the owner of the subscription is answered, which is no error."""
    found = await try_as_person(world, method, path, body, **query)
    assert found["status"] < 300, found
    return found


async def try_as_person(world: World, method: str, path: str, body: Any = None, **query: str) -> Json:
    answer = await world.opened.send(method, path, body, **({"api-version": "2022-04-01"} | query))
    return {"status": answer.status_code, **(answer.json() if answer.content else {})}


def definition(id_: str, scope: str = ROOT) -> str:
    return f"{scope}/providers/{DEFINITION}/{id_}"


def assignment(scope: str, name: str = "") -> str:
    return f"{scope}/providers/{ASSIGNMENT}/{name or uuid4()}"


def custom(**changed: Any) -> Json:
    permissions = [{"actions": ["Microsoft.EventGrid/topics/read"]}]
    return {
        "properties": {"roleName": "Mine", "permissions": permissions, "assignableScopes": [LAB]} | changed
    }


def assigned(role: str, principal: Principal = ROBOT, **more: str) -> Json:
    given = {"roleDefinitionId": role, "principalId": principal.object_id, "principalType": principal.type}
    return {"properties": given | more}


# --- Identities -----------------------------------------------------------------------------------------


def test_an_identity_keeps_its_principal_until_it_is_deleted(use: Use) -> None:
    version = {"api-version": "2024-11-30"}

    async def check(world: World) -> None:
        made = await as_person(world, "PUT", OWN, {"location": "here"}, **version)
        ids = made["properties"]
        assert set(ids) == {"tenantId", "principalId", "clientId"}
        again = await as_person(
            world, "PUT", OWN, {"location": "here", "properties": {"principalId": "x"}}, **version
        )
        assert (again["status"], again["properties"]) == (200, ids)
        patched = await as_person(world, "PATCH", OWN, {"tags": {"a": "b"}}, **version)
        assert (patched["tags"], patched["properties"]) == ({"a": "b"}, ids)
        listed = await as_person(world, "GET", OWN.rpartition("/")[0], **version)
        assert [each["properties"] for each in listed["value"] if each["name"] == "own-identity"] == [ids]
        assert world.opened.cloud.principals.of_identity(OWN).object_id == ids["principalId"]
        await as_person(world, "DELETE", OWN, **version)
        remade = await as_person(world, "PUT", OWN, {"location": "here"}, **version)
        assert remade["properties"]["principalId"] != ids["principalId"]
        assert remade["properties"]["clientId"] != ids["clientId"]

    use(check)


# --- Definitions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["", ROOT, LAB, TOPIC_ID])
def test_a_built_in_role_is_read_at_every_scope_and_found_by_name(use: Use, scope: str) -> None:
    async def check(world: World) -> None:
        found = await as_person(world, "GET", definition(READER, scope))
        assert found["id"] == f"/subscriptions/{SUBSCRIPTION}/providers/{DEFINITION}/{READER}"
        assert found["properties"]["permissions"][0]["actions"] == ["*/read"]
        named = await as_person(
            world, "GET", f"{scope}/providers/{DEFINITION}", None, **{"$filter": "roleName eq 'Reader'"}
        )
        assert [each["name"] for each in named["value"]] == [READER]

    use(check)


def test_a_custom_role_is_found_at_every_scope_and_can_be_assigned_by_its_id_in_any(use: Use) -> None:
    async def check(world: World) -> None:
        made = await as_person(world, "PUT", definition(MINE, LAB), custom())
        assert made["properties"]["type"] == "CustomRole"
        assert made["id"] == definition(MINE)
        for scope in ("", ROOT, LAB):
            assert (await as_person(world, "GET", definition(MINE, scope)))["id"] == made["id"]
        mine = {"$filter": "type eq 'CustomRole'"}
        listed = await as_person(world, "GET", f"{LAB}/providers/{DEFINITION}", None, **mine)
        assert [each["name"] for each in listed["value"]] == [MINE]
        assert (await world.send("GET", TOPIC_ID)).status_code == 403
        body = assigned(definition(MINE, LAB))
        answer = await as_person(world, "PUT", assignment(TOPIC_ID, MINE), body)
        assert answer["properties"]["roleDefinitionId"] == definition(MINE)
        assert (await world.send("GET", TOPIC_ID)).status_code == 200
        in_use = await try_as_person(world, "DELETE", definition(MINE))
        assert in_use["error"]["code"] == "RoleDefinitionHasAssignments"
        await as_person(world, "DELETE", assignment(TOPIC_ID, MINE))
        assert (await world.send("GET", TOPIC_ID)).status_code == 403
        assert (await as_person(world, "DELETE", definition(MINE)))["status"] == 200
        assert (await as_person(world, "DELETE", definition(MINE)))["status"] == 204
        assert (await try_as_person(world, "GET", definition(MINE)))["status"] == 404

    use(check)


def test_what_a_custom_role_allows_changes_with_it_at_once(use: Use) -> None:
    async def check(world: World) -> None:
        await as_person(world, "PUT", definition(MINE, LAB), custom())
        await as_person(world, "PUT", assignment(LAB), assigned(definition(MINE)))
        assert (await world.send("DELETE", TOPIC_ID)).status_code == 403
        more = [{"actions": ["Microsoft.EventGrid/topics/*"]}]
        await as_person(world, "PUT", definition(MINE, LAB), custom(permissions=more))
        assert (await world.send("DELETE", TOPIC_ID)).status_code == 200

    use(check)


@pytest.mark.parametrize(
    ("name", "changed", "code"),
    [
        ("mine", {}, "InvalidRoleDefinitionId"),
        (READER, {}, "RoleDefinitionCannotBeUpdated"),
        ("", {"roleName": ""}, "InvalidRoleDefinitionName"),
        ("", {"roleName": "Reader"}, "RoleDefinitionWithSameNameExists"),
        ("", {"permissions": []}, "InvalidRoleDefinitionPermissions"),
        ("", {"permissions": [{"actions": ["read"]}]}, "InvalidActionOrNotAction"),
        ("", {"permissions": [{"notActions": ["Microsoft.Web/sites/reed"]}]}, "InvalidActionOrNotAction"),
        ("", {"permissions": [{"dataActions": ["a/read"]}]}, "InvalidDataActionOrNotDataAction"),
        ("", {"assignableScopes": []}, "InvalidRoleDefinitionScopes"),
        ("", {"assignableScopes": [f"{ROOT}0"]}, "InvalidScope"),
        ("", {"assignableScopes": [TOPIC_ID]}, "InvalidRoleDefinitionScopes"),
    ],
)
def test_a_custom_role_that_azure_refuses_is_refused(use: Use, name: str, changed: Json, code: str) -> None:
    async def check(world: World) -> None:
        refused = await try_as_person(world, "PUT", definition(name or MINE, LAB), custom(**changed))
        assert refused["error"]["code"] == code, refused

    use(check)


def test_a_role_name_is_taken_whatever_the_scope(use: Use) -> None:
    async def check(world: World) -> None:
        await as_person(world, "PUT", definition(MINE, LAB), custom())
        twin = await try_as_person(world, "PUT", definition(str(uuid4()), LAB), custom(roleName="mine"))
        assert (twin["status"], twin["error"]["code"]) == (409, "RoleDefinitionWithSameNameExists")

    use(check)


# --- Assignments ----------------------------------------------------------------------------------------


def test_a_custom_role_is_assigned_within_its_assignable_scopes_alone(use: Use) -> None:
    async def check(world: World) -> None:
        await as_person(world, "PUT", definition(MINE, LAB), custom())
        refused = await try_as_person(world, "PUT", assignment(ROOT), assigned(definition(MINE)))
        assert refused["error"]["code"] == "RoleAssignmentScopeNotAssignableToRoleDefinition"

    use(check)


def test_assignments_are_listed_by_scope_and_principal(use: Use) -> None:
    async def check(world: World) -> None:
        person = world.opened.cloud.principals.person("person")
        on_topic = (await as_person(world, "PUT", assignment(TOPIC_ID), assigned(definition(READER))))["id"]
        on_lab = (await as_person(world, "PUT", assignment(LAB), assigned(definition(READER))))["id"]
        owner = assignment(ROOT, person.object_id)

        async def listed(scope: str, filter_: str = "") -> set[str]:
            query = {"$filter": filter_} if filter_ else {}
            found = await as_person(world, "GET", f"{scope}/providers/{ASSIGNMENT}", None, **query)
            return {each["id"] for each in found["value"]}

        assert await listed(ROOT) == {on_topic, on_lab, owner}
        assert await listed(ROOT, "atScope()") == {owner}
        assert await listed(TOPIC_ID) == {on_topic, on_lab, owner}
        assert await listed(LAB, "atScope()") == {on_lab, owner}
        assert await listed(LAB, f"principalId eq '{ROBOT.object_id}'") == {on_topic, on_lab}
        assert await listed(LAB, f"assignedTo('{person.object_id}')") == {owner}
        assert await listed(LAB, f"atScope() and assignedTo('{ROBOT.object_id.upper()}')") == {on_lab}
        for unknown in ("principalId ne 'x'", "roleName eq 'Reader'", "assignedTo()"):
            query = {"$filter": unknown}
            refused = await try_as_person(world, "GET", f"{LAB}/providers/{ASSIGNMENT}", None, **query)
            assert refused["error"]["code"] == "InvalidFilter"

    use(check)


def test_the_type_of_a_known_principal_must_be_its_own(use: Use) -> None:
    async def check(world: World) -> None:
        uploader = world.opened.cloud.principals.person("uploader")
        body = assigned(definition(READER), uploader) | {}
        body["properties"]["principalType"] = "ServicePrincipal"
        refused = await try_as_person(world, "PUT", assignment(LAB), body)
        assert refused["error"]["code"] == "UnmatchedPrincipalType"
        del body["properties"]["principalType"]
        made = await as_person(world, "PUT", assignment(LAB), body)
        assert made["properties"]["principalType"] == "User"

    use(check)


def test_who_may_assign_roles_needs_the_right_to(use: Use) -> None:
    async def check(world: World) -> None:
        world.assign("Contributor", ROOT)
        refused = await world.send("PUT", assignment(LAB), assigned(definition(READER)))
        assert refused.status_code == 403
        assert f"'{ASSIGNMENT}/write'" in refused.json()["error"]["message"]
        world.assign("User Access Administrator", LAB)
        assert (await world.send("PUT", assignment(LAB), assigned(definition(READER)))).status_code == 201

    use(check)


def test_who_may_assign_some_roles_only_may_assign_no_others(use: Use) -> None:
    writes, deletes = (f"ActionMatches{{'{ASSIGNMENT}/{verb}'}}" for verb in ("write", "delete"))
    condition = " AND ".join(
        f"(!({action}) OR (@{source}[{ASSIGNMENT}:RoleDefinitionId]"
        f" ForAnyOfAnyValues:GuidEquals {{{READER}}}))"
        for action, source in ((writes, "Request"), (deletes, "Resource"))
    )

    async def check(world: World) -> None:
        world.assign("User Access Administrator", LAB, condition=condition)
        refused = await world.send("PUT", assignment(LAB), assigned(definition(OWNER)))
        assert refused.status_code == 403
        owner = assignment(LAB)
        await as_person(world, "PUT", owner, assigned(definition(OWNER), PLATFORM))
        assert (await world.send("DELETE", owner)).status_code == 403
        made = await world.send("PUT", assignment(LAB, MINE), assigned(definition(READER)))
        assert made.status_code == 201, made.text
        assert (await world.send("DELETE", assignment(LAB, MINE))).status_code == 200

    use(check)


def test_a_deleted_resource_takes_its_assignments_with_it(use: Use) -> None:
    async def check(world: World) -> None:
        await as_person(world, "PUT", assignment(TOPIC_ID), assigned(definition(READER)))
        await as_person(world, "DELETE", TOPIC_ID, **{"api-version": "2025-02-15"})
        found = await as_person(world, "GET", f"{ROOT}/providers/{ASSIGNMENT}")
        assert not any(each["id"].startswith(TOPIC_ID) for each in found["value"])

    use(check)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_who_owns_one_resource_cannot_change_a_role_of_the_whole_subscription(use: Use, method: str) -> None:
    async def check(world: World) -> None:
        shared = custom(assignableScopes=[ROOT])
        made = await as_person(world, "PUT", definition(MINE), shared)
        world.assign("Owner", TOPIC_ID)
        wider = custom(assignableScopes=[TOPIC_ID], permissions=[{"actions": ["*"]}])
        answer = await world.send(method, definition(MINE, TOPIC_ID), wider if method == "PUT" else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "LinkedAuthorizationFailed")
        assert f"'Microsoft.Authorization/roleDefinitions/{WORD[method]}'" in answer.text
        assert f"on the linked scope(s) '{ROOT}'" in answer.text
        assert (await as_person(world, "GET", definition(MINE)))["properties"] == made["properties"]

    use(check)


def test_who_owns_one_resource_makes_roles_for_it_alone(use: Use) -> None:
    async def check(world: World) -> None:
        world.assign("Owner", TOPIC_ID)
        path = definition(MINE, TOPIC_ID)
        wider = await world.send("PUT", path, custom(assignableScopes=[TOPIC_ID, ROOT]))
        assert (wider.status_code, wider.json()["error"]["code"]) == (403, "LinkedAuthorizationFailed")
        assert (await world.send("PUT", path, custom(assignableScopes=[TOPIC_ID]))).status_code == 201
        assert (await world.send("DELETE", path)).status_code == 200

    use(check)
