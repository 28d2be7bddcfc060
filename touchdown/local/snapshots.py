"""What `touchdown up` deploys: bicep/, evaluated for localcloud by the Bicep compiler (`make snapshots`).

Two things are filled in when they are known: what the deployment of main.bicep and the published trainer say,
for which a snapshot has a name in braces, and the settings of the app that the environment sets.
"""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from localcloud.spec import Json

from runs.run_settings import RUN_SETTINGS
from runs.settings import APP_SETTINGS

MAIN = "main"
PIPELINE = "pipeline"
EVENTS = "events"
TRAINER_HASH = "TRAINER_HASH"
"""The value for the pipeline that is no output of main.bicep: the hash of the published trainer."""
SITE = "Microsoft.Web/sites"
TUNABLE = (
    *(setting.variable for setting in RUN_SETTINGS.values()),
    *(setting.variable for setting in APP_SETTINGS if setting.is_limit),
)
"""The app's settings that a shell may set before it starts a localcloud; the others are addresses."""
_VALUE = re.compile(r"\{([A-Z][A-Z_]+)\}")


def read(name: str) -> Json:
    """The snapshot of a name: MAIN, PIPELINE or EVENTS."""
    file = files("touchdown.local") / "deployment" / f"{name}.snapshot.json"
    document: Json = json.loads(file.read_text(encoding="utf-8"))
    return document


def filled(document: Any, values: Mapping[str, str]) -> Any:
    """A document with `values` for the names in braces. Raises KeyError for a name that has no value."""
    if isinstance(document, str):
        return _VALUE.sub(lambda found: values[found[1]], document)
    if isinstance(document, dict):
        return {name: filled(each, values) for name, each in document.items()}
    if isinstance(document, list):
        return [filled(each, values) for each in document]
    return document


def tuned(document: Json, environment: Mapping[str, str]) -> Json:
    """The snapshot of MAIN with the settings of the app that are TUNABLE and that `environment` sets."""
    wanted = {name: environment[name] for name in TUNABLE if name in environment}
    resources = [
        _with_settings(each, wanted) if each["type"] == SITE else each
        for each in document["predictedResources"]
    ]
    return {**document, "predictedResources": resources}


def _with_settings(site: Json, wanted: Mapping[str, str]) -> Json:
    config = site["properties"]["siteConfig"]
    settings = [{**each, "value": wanted.get(each["name"], each["value"])} for each in config["appSettings"]]
    return {**site, "properties": {**site["properties"], "siteConfig": {**config, "appSettings": settings}}}
