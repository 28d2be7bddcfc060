"""The settings with which Azure Functions Core Tools serves the app against a localcloud."""

from pathlib import Path
from typing import Any

from localcloud.environment import func_settings
from localcloud.home import Home, Ports
from localcloud.spec import CloudSpec, Resource

from runs.settings import RUN_SETTINGS
from touchdown.local.deploying import deployed
from touchdown.local.names import SITE_ID
from touchdown.local.snapshots import MAIN, SITE, read

KNOWN_LATER = "written by: touchdown env --func"
"""Stands in the sample for a value that only a deployment knows."""
SETTINGS = f"{SITE_ID}/config/appsettings"
VERSION = "2025-03-01"


def settings_of(home: Home) -> CloudSpec:
    """A specification with the settings of the deployed site only.

    Raises StackNotRunningError for a home to which nothing was deployed.
    """
    return CloudSpec([Resource(SETTINGS, {"properties": deployed(home).settings}, VERSION)])


def sample() -> dict[str, Any]:
    """The content of local.settings.sample.json: every setting, for a localcloud on its default ports.

    Paths are relative to the app's folder, where `func start` runs.
    """
    home = Home(Path(".localcloud"), Ports(), "0" * 8, {"site": KNOWN_LATER}, "")
    (site,) = [each for each in read(MAIN)["predictedResources"] if each["type"] == SITE]
    given = {each["name"]: each["value"] for each in site["properties"]["siteConfig"]["appSettings"]}
    known = {name: KNOWN_LATER if value.startswith("[") else value for name, value in given.items()}
    settings = func_settings(home, CloudSpec([Resource(SETTINGS, {"properties": known}, VERSION)]))
    settings["Values"] |= {each.variable: str(each.default) for each in RUN_SETTINGS.values()}
    return settings
