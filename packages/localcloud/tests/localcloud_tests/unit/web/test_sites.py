"""Sites and plans in Resource Manager: what is kept, what is refused, and what the host is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from localcloud.functions.site import read, site_file
from localcloud.home import TENANT
from localcloud.service import Cloud
from localcloud.tokens import Application
from localcloud.web.authentication import application
from localcloud.web.hosting import KIND, Hosting
from localcloud.wire import AzureError

from localcloud_tests.resources import SITE_ID
from localcloud_tests.unit.web.conftest import IDENTITY_ID, IDS, PLAN_ID, Send, plan, site

Change = Callable[[dict[str, Any]], object]


async def test_a_site_is_read_back_without_its_settings_which_are_listed_by_post(
    send: Send, deployed: str, cloud: Cloud
) -> None:
    found = (await send("GET", deployed)).json()
    assert "appSettings" not in found["properties"]["siteConfig"]
    assert found["properties"]["siteConfig"]["minTlsVersion"] == "1.2"
    assert found["properties"]["functionAppConfig"]["runtime"] == {"name": "python", "version": "3.13"}
    assert (found["properties"]["state"], found["kind"]) == ("Running", "functionapp,linux")
    assert found["properties"]["defaultHostName"] == cloud.home.site_host("app")
    listed = (await send("POST", f"{deployed}/config/appsettings/list")).json()
    assert listed["properties"] == {"COLOUR": "red", "SIZE": "1"}
    assert (await send("GET", f"{deployed}/config/web")).json()["properties"]["minTlsVersion"] == "1.2"


async def test_a_sites_identity_has_the_ids_of_its_principal(send: Send, deployed: str) -> None:
    identity = (await send("GET", deployed)).json()["identity"]
    assert identity["userAssignedIdentities"] == {IDENTITY_ID: IDS}


async def test_a_deployment_again_changes_nothing_and_keeps_settings_that_it_does_not_name(
    send: Send, deployed: str, cloud: Cloud
) -> None:
    give_code(cloud)
    assert (await send("POST", f"{deployed}/start")).status_code == 200
    before = read(site_file(cloud.home))
    body = site(settings={"COLOUR": "red", "SIZE": "1"})
    assert (await send("PUT", deployed, body)).status_code == 200
    del body["properties"]["siteConfig"]["appSettings"]
    assert (await send("PUT", deployed, body)).status_code == 200
    assert before is not None
    assert read(site_file(cloud.home)) == before


async def test_the_host_is_told_settings_and_code_only_once_there_is_code(
    send: Send, deployed: str, cloud: Cloud
) -> None:
    assert read(site_file(cloud.home)) is None
    folder = give_code(cloud)
    settings = f"{deployed}/config/appsettings"
    assert (await send("PUT", settings, {"properties": {"COLOUR": "blue"}})).status_code == 200
    told = read(site_file(cloud.home))
    assert told is not None
    assert (told.name, told.folder, told.settings["COLOUR"]) == ("app", folder, "blue")
    assert "SIZE" not in told.settings
    assert told.settings["WEBSITE_SITE_NAME"] == "app"


@pytest.mark.parametrize(
    ("action", "state"), [("restart", "Running"), ("stop", "Stopped"), ("start", "Running")]
)
async def test_restart_stop_and_start_reach_the_host(
    send: Send, deployed: str, cloud: Cloud, action: str, state: str
) -> None:
    give_code(cloud)
    assert (await send("POST", f"{deployed}/{'stop' if action == 'start' else 'start'}")).status_code == 200
    before = read(site_file(cloud.home))
    assert (await send("POST", f"{deployed}/{action}")).status_code == 200
    after = read(site_file(cloud.home))
    assert before is not None
    assert after is not None
    assert after.generation != before.generation
    assert after.state == state
    assert (await send("GET", deployed)).json()["properties"]["state"] == state


async def test_a_deleted_site_takes_its_settings_and_its_code_with_it(
    send: Send, deployed: str, cloud: Cloud
) -> None:
    give_code(cloud)
    assert (await send("POST", f"{deployed}/start")).status_code == 200
    assert (await send("DELETE", deployed)).status_code == 200
    assert (await send("DELETE", deployed)).status_code == 204
    assert read(site_file(cloud.home)) is None
    assert (await send("GET", deployed)).status_code == 404
    assert (await send("PUT", deployed, site())).status_code == 200
    assert (await send("POST", f"{deployed}/config/appsettings/list")).json()["properties"] == {}


async def test_a_site_goes_with_its_group(send: Send, deployed: str, cloud: Cloud) -> None:
    give_code(cloud)
    assert (await send("POST", f"{deployed}/start")).status_code == 200
    site = cloud.inventory.get(deployed)
    assert site is not None
    await cloud.going(site)
    assert read(site_file(cloud.home)) is None


async def test_publishing_by_password_is_as_the_policy_says(send: Send, deployed: str) -> None:
    policy = f"{deployed}/basicPublishingCredentialsPolicies"
    assert (await send("GET", f"{policy}/scm")).json()["properties"] == {"allow": True}
    assert (await send("PUT", f"{policy}/scm", {"properties": {"allow": False}})).status_code == 200
    listed = (await send("GET", policy)).json()["value"]
    assert {each["name"]: each["properties"]["allow"] for each in listed} == {"ftp": True, "scm": False}
    assert (await send("PUT", f"{policy}/scm", {"properties": {}})).status_code == 400
    assert (await send("GET", f"{policy}/zip")).status_code == 400


async def test_the_publishing_host_says_how_a_site_gets_its_code(
    send: Send, deployed: str, cloud: Cloud
) -> None:
    host = {"Host": f"app.scm.azurewebsites.{cloud.home.suffix}"}
    answer = await send("POST", "/api/publish", headers=host)
    assert (answer.status_code, "localcloud publish" in answer.text) == (501, True)


def scale(**changed: Any) -> Change:
    return lambda body: body["properties"]["functionAppConfig"]["scaleAndConcurrency"].update(changed)


def runtime(**changed: Any) -> Change:
    return lambda body: body["properties"]["functionAppConfig"]["runtime"].update(changed)


def storage(**changed: Any) -> Change:
    return lambda body: body["properties"]["functionAppConfig"]["deployment"]["storage"].update(changed)


def settings(name: str, value: str = "x") -> Change:
    return lambda body: body["properties"]["siteConfig"].update(
        {"appSettings": [{"name": name, "value": value}]}
    )


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (lambda body: body.pop("location"), 400, "location property is required"),
        (
            lambda body: body["properties"].pop("functionAppConfig"),
            400,
            "FunctionAppConfig section was not specified",
        ),
        (
            lambda body: body["properties"].update(serverFarmId=f"{PLAN_ID}2"),
            404,
            "Cannot find ServerFarm with name plan2",
        ),
        (scale(instanceMemoryMB=1024), 400, "1024"),
        (scale(maximumInstanceCount=0), 400, "1 to 1000"),
        (scale(maximumInstanceCount=1001), 400, "1001"),
        (scale(maximumInstanceCount=True), 400, "True"),
        (scale(alwaysReady=[{"name": "http"}]), 400, "AlwaysReady"),
        (runtime(version="3.11"), 501, "runtime python 3.11"),
        (runtime(name="node", version="22"), 501, "node 22"),
        (runtime(version=""), 400, "required"),
        (storage(type="fileShare"), 400, "blobContainer"),
        (storage(authentication={}), 400, "type must be one of"),
        (
            storage(
                authentication={
                    "type": "UserAssignedIdentity",
                    "userAssignedIdentityResourceId": f"{IDENTITY_ID}2",
                }
            ),
            400,
            "an identity of the site",
        ),
        (
            lambda body: body["identity"].update(userAssignedIdentities={f"{IDENTITY_ID}2": {}}),
            400,
            "id-app2' was not found",
        ),
        (lambda body: body["identity"].update(type="Own"), 400, "one of the types"),
        (
            lambda body: body["properties"]["siteConfig"].update(ftpsState="Disabled", linuxFxVersion="x"),
            400,
            "(Site.SiteConfig.FtpsState,Site.SiteConfig.LinuxFxVersion) for Flex Consumption",
        ),
        (
            settings("FUNCTIONS_WORKER_RUNTIME", "python"),
            400,
            "(Site.SiteConfig.AppSettings.FUNCTIONS_WORKER_RUNTIME) for Flex Consumption sites is invalid",
        ),
        (settings("website_run_from_package", "1"), 400, "website_run_from_package"),
        (settings("Mongo:Url"), 400, "'Mongo:Url'"),
        (settings("KEY", "@Microsoft.KeyVault(SecretUri=https://x)"), 501, "references in app settings"),
    ],
)
async def test_what_app_service_refuses_changes_nothing(
    send: Send, deployed: str, change: Change, status: int, says: str
) -> None:
    before = (await send("GET", deployed)).json()
    body = site(settings={"COLOUR": "green"})
    change(body)
    answer = await send("PUT", deployed, body)
    assert (answer.status_code, says in answer.json()["error"]["message"]) == (status, True), answer.text
    assert (await send("GET", deployed)).json() == before
    listed = (await send("POST", f"{deployed}/config/appsettings/list")).json()["properties"]
    assert listed["COLOUR"] == "red"


@pytest.mark.parametrize("name", ["a", "-app", "app-", "a_b", "a" * 61])
async def test_a_name_that_no_site_may_have_is_refused(send: Send, deployed: str, name: str) -> None:
    assert (await send("DELETE", deployed)).status_code == 200
    answer = await send("PUT", f"{SITE_ID.rpartition('/')[0]}/{name}", site())
    assert (answer.status_code, "2 to 60" in answer.text) == (400, True)


@pytest.mark.parametrize("setting", ["FUNCTIONS_EXTENSION_VERSION", "a b"])
async def test_settings_alone_are_checked_as_those_of_the_site(
    send: Send, deployed: str, setting: str
) -> None:
    answer = await send("PUT", f"{deployed}/config/appsettings", {"properties": {setting: "~4"}})
    assert (answer.status_code, setting in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"location": ""}, 400, "location"),
        ({"sku": {"name": "Y1", "tier": "Dynamic"}}, 501, "FC1"),
        ({"properties": {}}, 400, "reserved must be true"),
    ],
)
async def test_a_plan_is_flex_consumption_on_linux(
    send: Send, change: dict[str, Any], status: int, says: str
) -> None:
    answer = await send("PUT", PLAN_ID, plan() | change)
    assert (answer.status_code, says in answer.json()["error"]["message"]) == (status, True)
    assert (await send("GET", PLAN_ID)).status_code == 404
    assert (await send("PUT", f"{PLAN_ID}_", plan())).status_code == 400


async def test_a_plan_is_kept_listed_and_deleted(send: Send) -> None:
    assert (await send("PUT", PLAN_ID, plan())).status_code == 200
    assert (await send("PUT", PLAN_ID, plan())).status_code == 200
    kept = (await send("GET", PLAN_ID)).json()
    assert (kept["sku"]["tier"], kept["properties"]["reserved"]) == ("FlexConsumption", True)
    listed = (await send("GET", PLAN_ID.rpartition("/")[0])).json()["value"]
    assert [each["id"] for each in listed] == [PLAN_ID]
    assert (await send("DELETE", PLAN_ID)).status_code == 200
    assert (await send("DELETE", PLAN_ID)).status_code == 204


def give_code(cloud: Cloud) -> Path:
    """Let the cloud know the folder of the site's code, as after publishing it."""
    folder = cloud.home.root / "code"
    cloud.store.put(KIND, SITE_ID.lower(), {"folder": str(folder)})
    return folder


async def test_code_that_never_ends_its_import_is_given_up(
    send: Send, deployed: str, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcloud.web.hosting.START_LIMIT", 0.2)
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "host.json").write_text("{}")
    (folder / "function_app.py").write_text("import time\ntime.sleep(600)\n")
    with pytest.raises(AzureError, match=r"did not list its functions within 0\.2 s"):
        await Hosting(cloud).publish(deployed, folder)


# --- App Service authentication -------------------------------------------------------------------------

AUTHENTICATION = f"{SITE_ID}/config/authsettingsV2"


def signing_in(**changes: Any) -> dict[str, Any]:
    """The settings with which callers of a site bring a token of Entra ID for the app."""
    properties: dict[str, Any] = {
        "platform": {"enabled": True},
        "globalValidation": {
            "requireAuthentication": True,
            "unauthenticatedClientAction": "Return401",
            "excludedPaths": ["/runtime/webhooks/*"],
        },
        "identityProviders": {
            "azureActiveDirectory": {
                "enabled": True,
                "registration": {"clientId": "c1", "openIdIssuer": f"https://login.test/{TENANT}/v2.0"},
                "validation": {"allowedAudiences": ["api://c1"]},
            }
        },
        "login": {"tokenStore": {"enabled": False}},
    }
    return {"properties": properties | changes}


async def test_the_authentication_of_a_site_is_off_until_it_is_put_and_read_back(
    send: Send, deployed: str, cloud: Cloud
) -> None:
    assert (await send("GET", AUTHENTICATION)).json()["properties"] == {"platform": {"enabled": False}}
    assert (await send("PUT", AUTHENTICATION, signing_in())).status_code == 200
    assert (await send("GET", AUTHENTICATION)).json()["properties"] == signing_in()["properties"]
    hosting = Hosting(cloud)
    rules = hosting._rules(deployed)
    assert rules is not None
    assert (rules["audiences"], rules["excluded"]) == (["c1", "api://c1"], ["/runtime/webhooks/*"])
    assert hosting._of_platform(deployed)["WEBSITE_AUTH_ENABLED"] == "True"
    v2 = Application("c1", f"https://login.test/{TENANT}/v2.0")
    assert rules["issuer"] == v2.issuer
    assert [application(cloud.inventory, each) for each in ("c1", "api://c1", "api://c2")] == [v2, v2, None]
    await send("PUT", AUTHENTICATION, signing_in(platform={"enabled": False}))
    assert hosting._rules(deployed) is None
    assert application(cloud.inventory, "c1") is None
    assert "WEBSITE_AUTH_ENABLED" not in hosting._of_platform(deployed)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"globalValidation": {"requireAuthentication": False}}, 501),
        ({"globalValidation": {"unauthenticatedClientAction": "AllowAnonymous"}}, 501),
        ({"globalValidation": {}}, 501),
        ({"identityProviders": {"gitHub": {"enabled": True}}}, 501),
        ({"identityProviders": {}}, 501),
        ({"login": {"tokenStore": {"enabled": True}}}, 501),
        ({"somethingElse": {}}, 501),
        ({"platform": True}, 400),
    ],
    ids=str,
)
async def test_what_localcloud_does_not_imitate_of_it_is_refused(
    send: Send, deployed: str, changes: dict[str, Any], status: int
) -> None:
    answer = await send("PUT", AUTHENTICATION, signing_in(**changes))
    assert answer.status_code == status, answer.text
    assert (await send("GET", AUTHENTICATION)).json()["properties"] == {"platform": {"enabled": False}}
