"""Whether the Function App has its functions and settings, and a bundle of extensions that is new enough."""

import json
from collections.abc import Iterator
from importlib.resources import files

from runs.settings import APP_SETTINGS, unknown
from touchdown.checking.deployment import SITE, Deployment, pages
from touchdown.checking.findings import Finding, Outcome
from touchdown.checking.rows import HOST, NONE_LISTED, SOME_LISTED, row_of
from touchdown.connection import Json

OLDEST_BUNDLE = (4, 37, 1)
"""The oldest bundle whose Durable extension works with Durable Functions 2, as host.json asks for."""
BUNDLE = "Microsoft.Azure.Functions.ExtensionBundle"
NO_BUNDLE = "Bundle version matching the range was not found"
TOO_OLD = "durableRequiresGrpc"
"""What the host's log says where its Durable extension is too old."""


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
        message = f"{name} lists none of its functions: publish the code, or read the app's log stream."
        yield Finding("functions", Outcome.FAILED, message, row_of(NONE_LISTED))
    else:
        message = f"{name} does not list {', '.join(missing)}: publish the code again."
        yield Finding("functions", Outcome.FAILED, message, row_of(SOME_LISTED))


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

    Sources: Azure/azure-functions-host, issues 4570 and 10226 and pull request 4900: Resource Manager returns
    the host's status, with the id and the version of its bundle. ExtensionBundleManager.cs: the version is
    null if none is in the range of host.json; the host runs nevertheless, without the bundle's extensions.
    """
    status = found.get(found.one(SITE), "/host/default/properties/status")["properties"]
    if status.get("state") != "Running":
        said = "; ".join(status.get("errors") or ["it gives no reason; read the app's log stream"])
        message = f"the Functions host is {status.get('state')}: {said}"
        yield Finding("bundle", Outcome.FAILED, message, row_of(HOST, said) or row_of(NONE_LISTED))
        return
    yield version_of(status.get("extensionBundle") or {})


def version_of(told: Json) -> Finding:
    """What a running host tells of its bundle: `{"id", "version"}`, or {}."""
    version, oldest = str(told.get("version") or ""), ".".join(map(str, OLDEST_BUNDLE))
    if not told:
        return Finding(
            "bundle", Outcome.NOT_CHECKED, "the Functions host runs, and does not tell of its bundle."
        )
    if not version:
        message = f"the Functions host found no bundle {told.get('id')} of {oldest} or newer."
        return Finding("bundle", Outcome.FAILED, message, row_of(HOST, NO_BUNDLE))
    if told.get("id") != BUNDLE:
        message = f"the Functions host runs with {told.get('id')} {version}, which has versions of its own."
        return Finding("bundle", Outcome.NOT_CHECKED, message)
    if numbers(version) >= OLDEST_BUNDLE:
        message = f"the Functions host runs with bundle {version}; {oldest} is enough."
        return Finding("bundle", Outcome.OK, message)
    message = f"the Functions host runs with bundle {version}; {oldest} or newer is needed."
    return Finding("bundle", Outcome.FAILED, message, row_of(HOST, TOO_OLD))


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version; what follows a - is left out."""
    return tuple(int(each) for each in version.partition("-")[0].split(".") if each.isdigit())
