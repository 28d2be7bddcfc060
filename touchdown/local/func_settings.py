"""The sample of the settings with which Azure Functions Core Tools serves the app against a localcloud."""

from pathlib import Path
from typing import Any

from localcloud.core_tools import local_settings
from localcloud.home import Home, Ports

from runs.run_settings import RUN_SETTINGS
from touchdown.local.snapshots import MAIN, SITE, read

KNOWN_LATER = "written by: touchdown env --func"
"""Stands in the sample for a value that only a deployment knows."""


def sample() -> dict[str, Any]:
    """The content of local.settings.sample.json: every setting, for a localcloud on its default ports.

    Paths are relative to the app's folder, where `func start` runs.
    """
    home = Home(Path(".localcloud"), Ports(), "0" * 8, {"site": KNOWN_LATER}, "")
    (site,) = [each for each in read(MAIN)["predictedResources"] if each["type"] == SITE]
    given = {each["name"]: each["value"] for each in site["properties"]["siteConfig"]["appSettings"]}
    known = {name: KNOWN_LATER if value.startswith("[") else value for name, value in given.items()}
    settings = local_settings(home, known, KNOWN_LATER)
    settings["Values"] |= {each.variable: str(each.default) for each in RUN_SETTINGS.values()}
    return settings
