"""Whether the events of uploads and ended pipeline runs reach the app."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from touchdown.checking.deployment import SITE, UPLOADS, Deployment, pages
from touchdown.checking.findings import Finding, Outcome

NO_RUN = "there is no run"
CONTAINER = re.compile(r"/containers/([^/]+)/")


def expected() -> dict[str, str]:
    """The function of each event subscription that bicep/events.bicep deploys."""
    file = files("touchdown") / "local" / "deployment" / "events.snapshot.json"
    resources = json.loads(file.read_text(encoding="utf-8"))["predictedResources"]
    return {each["name"].rpartition("/")[2]: function_of(each) for each in resources}


def function_of(subscription: dict[str, Any]) -> str:
    destination = subscription["properties"].get("destination") or {}
    return str((destination.get("properties") or {}).get("resourceId", "")).rpartition("/functions/")[2]


def subscriptions(found: Deployment) -> Iterator[Finding]:
    """Whether each event subscription exists, is provisioned, and takes the events of the right container."""
    listed = {
        each["name"]: each for each in pages(found.connection, found.one(UPLOADS), "/eventSubscriptions")
    }
    for name, function in expected().items():
        wrong = problem(listed.get(name), function, found)
        if wrong:
            yield Finding("events", Outcome.FAILED, f"event subscription {name} {wrong}", NO_RUN)
        else:
            yield Finding("events", Outcome.OK, f"event subscription {name} calls {function}.")


def problem(subscription: dict[str, Any] | None, function: str, found: Deployment) -> str:
    """What is wrong with an event subscription, or ""."""
    again = "deploy bicep/events.bicep again (scripts/hooks/postdeploy.sh)."
    if subscription is None:
        return f"does not exist: {again}"
    properties = subscription["properties"]
    state = properties.get("provisioningState", "Succeeded")
    if state != "Succeeded":
        return f"is {state}: {again}"
    app = found.one(SITE)
    target = str((properties.get("destination") or {}).get("properties", {}).get("resourceId", ""))
    if target.lower() != f"{app}/functions/{function}".lower():
        return f"calls {target or 'nothing'}, not {function} of {app.rpartition('/')[2]}: {again}"
    container = found.target.container
    others = sorted({*CONTAINER.findall(json.dumps(properties.get("filter")))} - {container})
    if others:
        return f"takes the events of container {', '.join(others)}, not of {container}: {again}"
    return ""
