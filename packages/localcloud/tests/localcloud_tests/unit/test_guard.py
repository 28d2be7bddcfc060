"""Who may call which route of the cloud, and how it refuses."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import httpx
import pytest
from localcloud.access.built_in import DATA
from localcloud.access.operations import matches
from localcloud.cloud import SERVICES, answer_azure_error
from localcloud.grants import ASSIGNMENT, DEFINITION
from localcloud.guard import Guard
from localcloud.identities import USER_ASSIGNED
from localcloud.inventory import TOPIC
from localcloud.rights import EVERYBODY, right_of, scope_of
from localcloud.wire import ArmRoute, AzureError
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute

from localcloud_tests.unit import world as worlds
from localcloud_tests.unit.world import IDENTITY_ID, LAB, ROBOT, ROOT, SITE_ID, TOPIC_ID, VERSION, Use, World


@pytest.fixture
def use(tmp_path: Path) -> Use:
    return partial(worlds.run, tmp_path)


def named_operations() -> set[str]:
    """All operations and patterns that a built-in role names, but for those of every provider."""
    names: set[str] = set()
    with DATA.open() as lines:
        for permission in (each for line in lines for each in json.loads(line)["permissions"]):
            for kind in ("actions", "notActions", "dataActions", "notDataActions"):
                names.update(permission.get(kind) or ())
    return {each for each in names if not each.startswith("*")}


def all_routes(routes: Sequence[BaseRoute]) -> Iterator[ArmRoute]:
    """All routes of the cloud, also those of its other hosts."""
    for each in routes:
        if isinstance(each, ArmRoute):
            yield each
        yield from all_routes(getattr(each, "routes", ()))


def test_every_route_names_an_operation_that_a_built_in_role_of_azure_names(use: Use) -> None:
    named = named_operations()
    exact = {each.lower() for each in named}
    patterns = [each for each in named if "*" in each]

    async def check(world: World) -> None:
        routes = [*all_routes([each for make in SERVICES for each in make(world.opened.cloud).routes])]
        rights = {each.right for each in routes}
        operations = {each.operation.format(namespace="Microsoft.Web") for each in rights if each.operation}
        assert len(operations) > 50
        unknown = [
            each
            for each in operations
            if each.lower() not in exact and not any(matches(pattern, each) for pattern in patterns)
        ]
        assert unknown == []
        open_ = {each.path for each in routes if not each.right.operation}
        assert {each for each in open_ if "peration" not in each} == {
            "/metadata/endpoints",
            "/discovery",
            "/subscriptions",
            "/tenants",
            "/providers",
            *(f"/providers/{DEFINITION}{name}" for name in ("", "/{name}")),
        }

    use(check)


@pytest.mark.parametrize(
    ("method", "path", "operation", "scope"),
    [
        ("GET", ROOT, "Microsoft.Resources/subscriptions/read", ROOT),
        ("PUT", LAB, "Microsoft.Resources/subscriptions/resourceGroups/write", LAB),
        ("GET", f"{ROOT}/resourceGroups", "Microsoft.Resources/subscriptions/resourceGroups/read", ROOT),
        ("POST", f"{ROOT}/providers/Microsoft.Web/register", "Microsoft.Web/register/action", ROOT),
        (
            "GET",
            f"{ROOT}/providers/Microsoft.Web",
            "Microsoft.Resources/subscriptions/providers/read",
            f"{ROOT}/providers/Microsoft.Web",
        ),
        ("GET", f"{LAB}/providers/{TOPIC}", f"{TOPIC}/read", LAB),
        ("PATCH", f"{TOPIC_ID}/", f"{TOPIC}/write", TOPIC_ID),
        ("HEAD", TOPIC_ID, f"{TOPIC}/read", TOPIC_ID),
        ("GET", f"{TOPIC_ID}/eventSubscriptions", f"{TOPIC}/eventSubscriptions/read", TOPIC_ID),
        (
            "POST",
            f"{SITE_ID}/config/appsettings/list",
            "Microsoft.Web/sites/config/list/action",
            f"{SITE_ID}/config/appsettings",
        ),
        (
            "DELETE",
            f"{TOPIC_ID}/providers/{ASSIGNMENT}/x",
            f"{ASSIGNMENT}/delete",
            f"{TOPIC_ID}/providers/{ASSIGNMENT}/x",
        ),
        ("GET", f"{TOPIC_ID}/PROVIDERS/{ASSIGNMENT}", f"{ASSIGNMENT}/read", TOPIC_ID),
        (
            "POST",
            f"{ROOT}/providers/Microsoft.Storage/checkNameAvailability",
            "Microsoft.Storage/checknameavailability/read",
            ROOT,
        ),
    ],
)
def test_operation_and_scope_follow_from_method_and_path(
    method: str, path: str, operation: str, scope: str
) -> None:
    assert right_of(method, path).operation == operation
    assert scope_of(path) == scope


def test_whoever_has_no_role_is_refused_in_azures_words(use: Use) -> None:
    async def check(world: World) -> None:
        answer = await world.send("PUT", TOPIC_ID, {"location": "here"})
        assert (answer.status_code, answer.json()["error"]) == (
            403,
            {
                "code": "AuthorizationFailed",
                "message": f"The client '{ROBOT.client_id}' with object id '{ROBOT.object_id}' does not have"
                f" authorization to perform action 'Microsoft.EventGrid/topics/write' over scope '{TOPIC_ID}'"
                " or the scope is invalid. If access was recently granted, please refresh your credentials.",
            },
        )

    use(check)


def test_a_person_is_named_by_user_principal_name(use: Use) -> None:
    async def check(world: World) -> None:
        uploader = world.opened.cloud.principals.person("uploader")
        answer = await world.send("GET", TOPIC_ID, who=uploader)
        assert answer.json()["error"]["message"].startswith(
            f"The client 'uploader@localcloud.test' with object id '{uploader.object_id}' does not have"
        )

    use(check)


def test_a_role_lets_through_what_it_names_where_it_is_assigned(use: Use) -> None:
    async def check(world: World) -> None:
        world.assign("Reader", TOPIC_ID)
        assert (await world.send("GET", TOPIC_ID)).status_code == 200
        assert (await world.send("PUT", TOPIC_ID, {"location": "here"})).status_code == 403
        assert (await world.send("GET", LAB)).status_code == 403
        world.assign("EventGrid Contributor", LAB)
        assert (await world.send("PUT", TOPIC_ID, {"location": "here"})).status_code == 200
        assert (await world.send("GET", IDENTITY_ID)).status_code == 403

    use(check)


def test_what_is_not_imitated_says_so_to_those_who_may_alone(use: Use) -> None:
    async def check(world: World) -> None:
        path = f"{LAB}/providers/Microsoft.Cache/redis/mine"
        refused = await world.send("PUT", path, {})
        assert refused.status_code == 403
        assert "'Microsoft.Cache/redis/write'" in refused.json()["error"]["message"]
        world.assign("Contributor", LAB)
        assert (await world.send("PUT", path, {})).status_code == 501

    use(check)


def test_a_token_alone_is_enough_to_sign_in_and_to_poll(use: Use) -> None:
    async def check(world: World) -> None:
        assert (await world.send("GET", "/subscriptions")).status_code == 200
        polled = f"{ROOT}/providers/Microsoft.MachineLearningServices/locations/here/mfeOperationsStatus/x"
        assert (await world.send("GET", polled)).status_code == 404
        none = await world.opened.http.get("/subscriptions", params=VERSION, headers={"Authorization": ""})
        assert none.status_code == 401
        assert (await world.send("GET", f"{ROOT[:-1]}2/resourceGroups")).json()["error"]["code"] == (
            "SubscriptionNotFound"
        )

    use(check)


def test_whoever_writes_a_resource_must_be_allowed_to_assign_its_identity(use: Use) -> None:
    body = {
        "location": "here",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY_ID: {}}},
        "properties": {},
    }

    async def check(world: World) -> None:
        world.assign("Website Contributor", LAB)
        refused = await world.send("PUT", SITE_ID, body)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (403, "LinkedAuthorizationFailed")
        assert (
            f"has permission to perform action 'Microsoft.Web/sites/write' on scope '{SITE_ID}'; however, it"
            " does not have permission to perform action(s)"
            " 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s)"
            f" '{IDENTITY_ID}' (respectively)"
        ) in error["message"]
        world.assign("Managed Identity Operator", IDENTITY_ID)
        assert (await world.send("PUT", SITE_ID, body)).is_success

    use(check)


def test_whoever_writes_a_credential_of_a_factory_must_be_allowed_to_assign_its_identity(use: Use) -> None:
    factory = f"{LAB}/providers/Microsoft.DataFactory/factories/adf"
    properties = {"type": "ManagedIdentity", "typeProperties": {"resourceId": IDENTITY_ID}}

    async def put(world: World) -> httpx.Response:
        path = f"{factory}/credentials/training"
        return await world.send("PUT", path, {"properties": properties}, version="2018-06-01")

    async def check(world: World) -> None:
        world.assign("Data Factory Contributor", LAB)
        made = await world.send("PUT", factory, {"location": "here"}, version="2018-06-01")
        assert made.is_success
        refused = await put(world)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (403, "LinkedAuthorizationFailed")
        assert f"on the linked scope(s) '{IDENTITY_ID}' (respectively)" in error["message"]
        world.assign("Managed Identity Operator", IDENTITY_ID)
        assert (await put(world)).is_success

    use(check)


def test_nobody_publishes_to_a_topic_without_the_role_even_its_owner(use: Use) -> None:
    event = {"id": "1", "subject": "s", "eventType": "t", "eventTime": "2026-01-01T00:00:00Z", "data": {}}
    events = [event | {"dataVersion": "1"}]

    async def publish(world: World) -> httpx.Response:
        cloud = world.opened.cloud
        token, _ = cloud.tokens.issue(ROBOT, "https://eventgrid.azure.net")
        headers = {"Authorization": f"Bearer {token}"}
        return await world.opened.http.post(
            cloud.home.topic_endpoint("news", "here"),
            params={"api-version": "2018-01-01"},
            json=events,
            headers=headers,
        )

    async def check(world: World) -> None:
        world.assign("Owner", ROOT)
        refused = await publish(world)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "Unauthorized")
        said = f"does not have permission to send data to {TOPIC_ID}. Report '"
        assert said in refused.json()["error"]["message"]
        world.assign("EventGrid Data Sender", TOPIC_ID)
        assert (await publish(world)).status_code == 200

    use(check)


@pytest.mark.parametrize("name", ["%7Bx%7D", "%7B", "%7D", "%7B0%7D", "%7Bx.y%7D"])
def test_braces_in_a_path_are_like_any_other_letters(use: Use, name: str) -> None:
    async def check(world: World) -> None:
        world.assign("Owner", ROOT)
        for path in (f"Microsoft.Nothing/{name}/y", f"{name}/things/y", f"Microsoft.Nothing/things/{name}"):
            answer = await world.send("GET", f"{LAB}/providers/{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
        registered = await world.send("POST", f"{ROOT}/providers/{name}/register")
        assert registered.json()["error"]["code"] == "InvalidResourceNamespace"

    use(check)


@pytest.mark.parametrize("letter", ["%0A", "%09", "%0D", "%00", "%7F", "%1F"])
def test_control_characters_in_a_path_are_refused(use: Use, letter: str) -> None:
    async def check(world: World) -> None:
        world.assign("Owner", ROOT)
        for path in (TOPIC_ID, f"{LAB}/providers/Microsoft.Nothing/things/news"):
            answer = await world.send("GET", path.replace("news", f"ne{letter}ws"))
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")

    use(check)


def test_what_a_failing_handler_changed_is_announced_with_its_answer(use: Use) -> None:
    async def check(world: World) -> None:
        told: list[int] = []
        grants = world.opened.cloud.grants
        await grants.announce()

        async def listen() -> None:
            told.append(len(told))

        async def fail(_: object) -> Response:
            world.assign("Reader", LAB)
            raise AzureError(409, "Conflict", "It did half of it.")

        grants.on_change(listen)
        route = ArmRoute("POST", "/half", fail, EVERYBODY)
        app = Starlette(routes=[route], exception_handlers={AzureError: answer_azure_error})
        app.state.guard = Guard(world.opened.cloud)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://arm") as client:
            answer = await client.post("/half")
        assert (answer.status_code, told) == (409, [0])

    use(check)


def test_a_listener_that_failed_is_told_again(use: Use) -> None:
    async def check(world: World) -> None:
        told: list[str] = []
        grants = world.opened.cloud.grants
        await grants.announce()

        async def listen() -> None:
            told.append("told")
            if len(told) == 1:
                raise OSError("the disk is full")

        grants.on_change(listen)
        world.assign("Reader", LAB)
        with pytest.raises(OSError, match="full"):
            await grants.announce()
        await grants.announce()
        await grants.announce()
        assert told == ["told", "told"]

    use(check)


def test_a_change_during_an_announcement_is_announced_too(use: Use) -> None:
    async def check(world: World) -> None:
        told: list[int] = []
        grants = world.opened.cloud.grants
        await grants.announce()

        async def listen() -> None:
            if not told:
                world.assign("Reader", LAB)
            told.append(len(told))

        grants.on_change(listen)
        world.assign("Reader", ROOT)
        await grants.announce()
        assert told == [0, 1]

    use(check)


def test_a_list_of_the_subscription_holds_what_the_caller_may_see(use: Use) -> None:
    lists = {
        f"{ROOT}/providers/{TOPIC}": [TOPIC_ID],
        f"{ROOT}/providers/Microsoft.ManagedIdentity/userAssignedIdentities": [IDENTITY_ID],
        f"{ROOT}/resourceGroups": [LAB],
        f"{ROOT}/resources": [IDENTITY_ID, TOPIC_ID],
        f"{ROOT}/providers/Microsoft.Web/sites": [],
    }

    async def listed(world: World, path: str) -> list[str]:
        answer = await world.send("GET", path)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["value"]]

    async def check(world: World) -> None:
        identity = world.inventory.get(IDENTITY_ID)
        assert identity is not None
        world.inventory.put(USER_ASSIGNED, IDENTITY_ID, {"location": "here"}, identity["properties"])
        for path in lists:
            refused = await world.send("GET", path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AuthorizationFailed")
        world.assign("Reader", TOPIC_ID)
        for path, all_ in lists.items():
            assert await listed(world, path) == [each for each in all_ if each == TOPIC_ID]
        world.assign("Reader", LAB)
        for path, all_ in lists.items():
            assert sorted(await listed(world, path)) == sorted(all_)
        assert (await world.send("GET", ROOT)).status_code == 403

    use(check)


@pytest.mark.parametrize(("disabled", "status"), [(True, 401), (False, 501), (None, 501)])
def test_a_key_for_a_topic_is_refused_as_its_local_authentication_is(
    use: Use, disabled: bool | None, status: int
) -> None:
    async def check(world: World) -> None:
        given = {} if disabled is None else {"disableLocalAuth": disabled}
        world.inventory.put(TOPIC, TOPIC_ID, {"location": "here"}, given)
        endpoint = world.opened.cloud.home.topic_endpoint("news", "here")
        for header in ("aeg-sas-key", "aeg-sas-token"):
            request = world.opened.http.build_request(
                "POST", endpoint, params={"api-version": "2018-01-01"}, headers={header: "k"}
            )
            del request.headers["Authorization"]
            answer = await world.opened.http.send(request)
            assert answer.status_code == status
            assert ("is disabled for this topic" in answer.text) == (status == 401)

    use(check)
