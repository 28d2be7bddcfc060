"""The sample of the settings with which Azure Functions Core Tools serves the app against a localcloud."""

from pathlib import Path
from typing import Any

from localcloud.environment import func_settings
from localcloud.home import Home, Ports
from localcloud.spec import CloudSpec

from runs.settings import RUN_SETTINGS
from touchdown.local.resources import site_settings


def sample() -> dict[str, Any]:
    """The content of local.settings.sample.json: every setting, for a localcloud on its default ports.

    Paths are relative to the app's folder, where `func start` runs.
    """
    home = Home(Path(".localcloud"), Ports(), "0" * 8, {"site": "written by: touchdown env --func"}, "")
    settings = func_settings(home, CloudSpec([site_settings(home, {})]))
    settings["Values"] |= {each.variable: str(each.default) for each in RUN_SETTINGS.values()}
    return settings
