"""Whose token a carrier gets, and what the token says."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from localcloud import identity, persons
from localcloud.home import SUBSCRIPTION, Home
from localcloud.identities import PLATFORM, USER_ASSIGNED, Principal, client_id_of, object_id_of
from localcloud.inventory import POOL, SITE, Inventory
from localcloud.principals import Principals
from localcloud.store import Document, Store
from localcloud.tokens import Application, TokenError, Tokens
from starlette.applications import Starlette

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
SITE_ID = f"{GROUP}/providers/Microsoft.Web/sites/app"
POOL_ID = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/b/pools/p"
APP, OTHER = (f"{GROUP}/providers/{USER_ASSIGNED}/{name}" for name in ("app", "other"))

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the key of the tokens, which takes long to make."""
    home = Home.open(tmp_path_factory.mktemp("key"))
    Tokens(home)
    return home.certificates


@pytest.fixture
def home(tmp_path: Path, key: Path) -> Home:
    home = Home.open(tmp_path / "home")
    home.certificates.symlink_to(key)
    return home


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    store = Store(tmp_path / "cloud.sqlite")
    inventory = Inventory(store)
    for id_ in (APP, OTHER):
        ids = {"principalId": object_id_of(id_), "clientId": client_id_of(id_)}
        inventory.put(USER_ASSIGNED, id_, {}, ids)
    yield inventory
    store.close()


@pytest.fixture
def ask(home: Home, inventory: Inventory) -> Ask:
    """Ask the identity endpoint for a token, as a carrier."""
    app = Starlette(routes=list(identity.routes(Principals(home, inventory), Tokens(home))))

    def send(carrier: str, **query: str) -> httpx.Response:
        import asyncio

        async def call() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://identity"
            ) as client:
                return await client.get(
                    "/msi/token",
                    params={"resource": "https://x", "api-version": "2019-08-01", **query},
                    headers={"X-IDENTITY-HEADER": persons.secret_of(home, carrier)},
                )

        return asyncio.run(call())

    return send


def carry(inventory: Inventory, type_: str, id_: str, *assigned: str, own: bool = False) -> Document:
    kinds = ["SystemAssigned"] * own + ["UserAssigned"] * bool(assigned)
    body = {"type": ", ".join(kinds) or "None", "userAssignedIdentities": {each: {} for each in assigned}}
    return inventory.put(type_, id_, {"identity": body}, {})[0]


def claims(answer: httpx.Response) -> Document:
    assert answer.status_code == 200, answer.text
    found: Document = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    return found


def test_resource_manager_returns_the_principals_of_a_resource(inventory: Inventory) -> None:
    identity = carry(inventory, SITE, SITE_ID, APP, own=True)["identity"]
    assert identity["principalId"] == object_id_of(SITE_ID)
    assert identity["userAssignedIdentities"] == {
        APP: {"principalId": object_id_of(APP), "clientId": client_id_of(APP)}
    }


@pytest.mark.parametrize(
    "choice",
    [{"client_id": client_id_of(APP)}, {"principal_id": object_id_of(APP)}, {"mi_res_id": APP.upper()}],
)
def test_a_site_gets_the_token_of_the_identity_that_it_chooses(
    ask: Ask, inventory: Inventory, choice: dict[str, str]
) -> None:
    carry(inventory, SITE, SITE_ID, APP, OTHER)
    answer = ask("site", **choice)
    found = claims(answer)
    assert (found["oid"], found["appid"]) == (object_id_of(APP), client_id_of(APP))
    assert (found["idtyp"], found["app_displayname"], found["aud"]) == ("app", "app", "https://x")
    assert answer.json()["client_id"] == client_id_of(APP)


def test_a_site_that_chooses_nothing_gets_its_own_identity_and_no_other(
    ask: Ask, inventory: Inventory
) -> None:
    carry(inventory, SITE, SITE_ID, APP, own=True)
    assert claims(ask("site"))["oid"] == object_id_of(SITE_ID)
    carry(inventory, SITE, SITE_ID, APP)
    refused = ask("site")
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "Unable to load the proper Managed Identity.",
    )


def test_a_node_that_chooses_nothing_gets_its_only_identity(ask: Ask, inventory: Inventory) -> None:
    carry(inventory, POOL, POOL_ID, APP)
    assert claims(ask("pool"))["oid"] == object_id_of(APP)
    carry(inventory, POOL, POOL_ID, APP, OTHER)
    refused = ask("pool")
    assert (refused.status_code, refused.json()["message"][:40]) == (
        400,
        "Multiple user assigned identities exist,",
    )
    assert claims(ask("pool", client_id=client_id_of(OTHER)))["oid"] == object_id_of(OTHER)


@pytest.mark.parametrize("carrier", ["site", "pool", "person"])
def test_nobody_gets_the_token_of_an_identity_that_it_does_not_carry(
    ask: Ask, inventory: Inventory, carrier: str
) -> None:
    carry(inventory, SITE, SITE_ID, APP)
    carry(inventory, POOL, POOL_ID, APP)
    refused = ask(carrier, client_id=client_id_of(OTHER))
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("No User Assigned or Delegated Managed Identity found")


@pytest.mark.parametrize("carrier", ["site", "pool", "person"])
@pytest.mark.parametrize(
    "choice", [{"client_id": PLATFORM.client_id}, {"principal_id": PLATFORM.object_id}], ids=str
)
def test_nobody_gets_the_token_of_the_platform(
    ask: Ask, inventory: Inventory, carrier: str, choice: dict[str, str]
) -> None:
    carry(inventory, SITE, SITE_ID, APP, own=True)
    carry(inventory, POOL, POOL_ID, APP)
    refused = ask(carrier, **choice)
    assert refused.status_code == 400
    assert "access_token" not in refused.json()


def test_a_pool_without_an_identity_gets_no_token(ask: Ask, inventory: Inventory) -> None:
    carry(inventory, POOL, POOL_ID)
    assert (ask("pool").status_code, ask("pool").json()["message"]) == (400, "Identity not found")


def test_a_person_is_a_user_and_an_added_program_is_none(ask: Ask, home: Home) -> None:
    found = claims(ask("person"))
    assert (found["idtyp"], found["upn"]) == ("user", "person@localcloud.test")
    made = persons.add_person(home, "robot", "ServicePrincipal")
    found = claims(ask("robot"))
    assert (found["idtyp"], found["oid"], found["appid"]) == ("app", made.object_id, made.client_id)
    assert "upn" not in found


def test_added_persons_are_kept_and_have_names_of_their_own(home: Home) -> None:
    made = persons.add_person(home, "alice", "User")
    assert persons.person_of(Home.open(home.root), "alice") == made
    assert [each.name for each in persons.persons(home)] == ["person", "publisher", "uploader", "alice"]
    assert len({each.object_id for each in persons.persons(home)}) == 4
    for name in ("alice", "person", "site"):
        with pytest.raises(ValueError, match="choose another name"):
            persons.add_person(home, name, "User")
    with pytest.raises(persons.UnknownPersonError, match="'bob'"):
        persons.secret_of(home, "bob")


def test_a_token_names_its_principal_to_the_service_that_checks_it(home: Home) -> None:
    tokens = Tokens(home)
    user = tokens.check(tokens.issue(persons.person("person"), "https://x")[0], ["https://x"])
    assert (user.is_user, user.client, user.name) == (
        True,
        "person@localcloud.test",
        "person@localcloud.test",
    )
    app = tokens.check(tokens.issue(Principal("o", "c", "n"), "https://x")[0], ["https://x/"])
    assert (app.object_id, app.client_id, app.client, app.name, app.is_user) == ("o", "c", "c", "n", False)


def test_a_resource_that_is_made_again_has_another_identity(ask: Ask, inventory: Inventory) -> None:
    before = carry(inventory, SITE, SITE_ID, own=True)["identity"]["principalId"]
    former = claims(ask("site"))
    assert carry(inventory, SITE, SITE_ID, own=True)["identity"]["principalId"] == before
    inventory.delete(GROUP)
    again = carry(inventory, SITE, SITE_ID, own=True)["identity"]["principalId"]
    found = claims(ask("site"))
    assert found["oid"] == again != before == former["oid"]
    assert found["appid"] != former["appid"]
    assert claims(ask("site", principal_id=again))["oid"] == again
    assert ask("site", principal_id=before).status_code == 400


def test_an_identity_that_is_switched_off_and_on_is_another_one(ask: Ask, inventory: Inventory) -> None:
    before = carry(inventory, SITE, SITE_ID, own=True)["identity"]["principalId"]
    carry(inventory, SITE, SITE_ID, APP)
    after = carry(inventory, SITE, SITE_ID, APP, own=True)["identity"]["principalId"]
    assert claims(ask("site"))["oid"] == after != before


def test_how_many_identities_were_deleted_is_known_after_a_restart(tmp_path: Path) -> None:
    def principals(delete: bool) -> str:
        store = Store(tmp_path / "again.sqlite")
        found = carry(Inventory(store), SITE, SITE_ID, own=True)["identity"]["principalId"]
        if delete:
            Inventory(store).delete(SITE_ID)
        store.close()
        return str(found)

    first = principals(delete=True)
    second = principals(delete=False)
    assert second == principals(delete=False) != first


def test_a_token_of_version_2_is_for_its_application_alone(home: Home) -> None:
    tokens, application = Tokens(home), Application("https://x", "https://login.test/tenant/v2.0")
    token, _ = tokens.issue(persons.person("person"), "https://x", application=application)
    with pytest.raises(TokenError, match="Invalid issuer"):
        tokens.check(token, ["https://x"])
