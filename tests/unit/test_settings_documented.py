"""Code, sample and documentation name the same settings."""

import json
import subprocess
import sys

from runs.run_settings import RUN_SETTINGS
from runs.settings import APP_SETTINGS
from tests.checkout import CHECKOUT

VARIABLES = {each.variable for each in APP_SETTINGS} | {each.variable for each in RUN_SETTINGS.values()}


def test_documentation_and_sample_are_up_to_date() -> None:
    script = CHECKOUT / "scripts" / "document_settings.py"
    checked = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_sample_has_every_setting_of_the_app_and_none_that_it_does_not_read() -> None:
    values = json.loads((CHECKOUT / "local.settings.sample.json").read_text())["Values"]
    assert {name for name in values if name.startswith("TOUCHDOWN_")} == VARIABLES


def test_every_setting_outside_the_tables_is_explained_too() -> None:
    values = json.loads((CHECKOUT / "local.settings.sample.json").read_text())["Values"]
    document = (CHECKOUT / "docs" / "settings.md").read_text()
    assert [name for name in values if f"`{name}`" not in document] == []
