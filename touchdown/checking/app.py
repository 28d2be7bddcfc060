"""Whether the Function App has its functions and settings, and a bundle of extensions that is new enough."""

import json
from collections.abc import Iterator
from importlib.resources import files

from runs.settings import APP_SETTINGS, unknown
from touchdown.checking.deployment import SITE, Deployment, pages
from touchdown.checking.findings import Finding, Outcome

OLDEST_BUNDLE = (4, 37, 1)
"""The oldest bundle whose Durable extension works with Durable Functions 2, as host.json asks for."""
NOT_LISTED = "no function is listed, and the log has no error"
SOME_LISTED = "some functions are listed"
NO_BUNDLE = "`Bundle version matching the [4.37.1, 5.0.0) was not found`"


def expected_functions() -> list[str]:
    """The functions that function_app.py registers."""
    names: list[str] = json.loads((files(__package__) / "functions.json").read_text(encoding="utf-8"))
    return names


def functions(found: Deployment) -> Iterator[Finding]:
    """Whether Azure lists all functions. It does once the app has started, and Event Grid needs them."""
    site = found.one(SITE)
    listed = {each["name"].rpartition("/")[2] for each in pages(found.connection, site, "/functions")}
    wanted = expected_functions()
    missing = [name for name in wanted if name not in listed]
    name = site.rpartition("/")[2]
    if not missing:
        yield Finding("functions", Outcome.OK, f"{name} lists all {len(wanted)} functions.")
    elif len(missing) == len(wanted):
        yield Finding(
            "functions",
            Outcome.FAILED,
            f"{name} lists none of its functions: publish the code, or read the app's log stream.",
            NOT_LISTED,
        )
    else:
        yield Finding("functions", Outcome.FAILED, f"{name} does not list {', '.join(missing)}.", SOME_LISTED)


def settings(found: Deployment) -> Iterator[Finding]:
    """Whether the app has the settings that it needs, and none of an unknown name."""
    site = found.one(SITE)
    listed = found.get(site, "/config/appsettings/list", "POST")["properties"]
    needed = [each.variable for each in APP_SETTINGS if each.default is None]
    missing = [name for name in needed if not str(listed.get(name, "")).strip()]
    others = unknown(listed)
    name, again = site.rpartition("/")[2], "Deploy the infrastructure again: it sets them."
    if missing:
        yield Finding("settings", Outcome.FAILED, f"{name} lacks {', '.join(missing)}. {again}")
    if others:
        message = f"{name} has {', '.join(others)}, and no setting is called so. {again}"
        yield Finding("settings", Outcome.FAILED, message)
    if not missing and not others:
        yield Finding("settings", Outcome.OK, f"{name} has its settings, all of known names.")


def bundle(found: Deployment) -> Iterator[Finding]:
    """Whether the host runs, and with a bundle that is new enough.

    Source: Azure/azure-functions-host, issue 10226 and pull request 4900: Resource Manager returns the host's
    status, with the id and the version of its bundle.
    """
    site = found.one(SITE)
    status = found.get(site, "/host/default/properties/status")["properties"]
    if status.get("state") != "Running":
        said = "; ".join(status.get("errors") or ["no reason given"])
        yield Finding(
            "bundle",
            Outcome.FAILED,
            f"the Functions host is {status.get('state')}: {said}",
            NO_BUNDLE if "undle" in said else NOT_LISTED,
        )
        return
    version = str((status.get("extensionBundle") or {}).get("version") or "")
    oldest = ".".join(map(str, OLDEST_BUNDLE))
    if not version:
        yield Finding(
            "bundle",
            Outcome.NOT_CHECKED,
            "the Functions host runs, and does not tell the version of its bundle.",
        )
    elif numbers(version) >= OLDEST_BUNDLE:
        yield Finding(
            "bundle", Outcome.OK, f"the Functions host runs with bundle {version}; {oldest} is enough."
        )
    else:
        yield Finding(
            "bundle",
            Outcome.FAILED,
            f"the Functions host runs with bundle {version}; {oldest} or newer is needed.",
            NO_BUNDLE,
        )


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version; what follows a - is left out."""
    return tuple(int(each) for each in version.partition("-")[0].split(".") if each.isdigit())
