"""The site that a Functions host serves, as the cloud tells it to the host's process: one file.

A host that starts before its site is deployed is a placeholder, as in Azure: it has imported the libraries
and waits for this file. When the file changes, the host restarts in place, with the new settings.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from localcloud import private_files
from localcloud.home import Home

FILE = "site.json"
STATUS = "/admin/host/status"
"""The path at which a host tells its state."""
OVERRIDES = "LOCALCLOUD_APP_SETTINGS"
"""The host's variable with settings, as JSON, that take precedence over those of its site."""
HOSTED = "LOCALCLOUD_HOSTED"
"""The cloud's variable that says that its stack has a Functions host."""
SKU, FLEX = "WEBSITE_SKU", "FlexConsumption"
"""The variable by which App Service tells a host its plan, and its value for Flex Consumption."""
PACKAGED = (".py", ".json", ".txt", ".yml", ".yaml")
"""Endings of the files whose change makes another package of a folder."""
NO_PART = ("node_modules", "__pycache__")


@dataclass(frozen=True)
class Site:
    """A deployed site that has its code.

    folder: where its code lies. settings: its app settings, and the variables that App Service adds.
    restarts: how often it was asked to restart, since that alone must change the file, too. authentication:
    the rules of App Service authentication (localcloud.functions.authentication.Rules), None if it is off.
    """

    name: str
    folder: Path
    settings: Mapping[str, str]
    state: Literal["Running", "Stopped"] = "Running"
    restarts: int = 0
    authentication: Mapping[str, Any] | None = None

    @property
    def generation(self) -> str:
        """A text that differs between two versions of the site between which the host must restart."""
        return sha256(self._text().encode()).hexdigest()[:16]

    @property
    def audience(self) -> str:
        """An audience of the tokens that App Service authentication takes; "" if it is off."""
        return str(self.authentication["audiences"][0]) if self.authentication else ""

    def write(self, file: Path) -> None:
        """Write the site so that only its owner can read it: settings may hold secrets."""
        private_files.replace(file, self._text())

    def _text(self) -> str:
        return json.dumps(
            {**vars(self), "folder": str(self.folder), "settings": dict(self.settings)}, sort_keys=True
        )


def site_file(home: Home) -> Path:
    return home.root / FILE


def read(file: Path) -> Site | None:
    """The site in `file`, or None as long as there is none."""
    try:
        kept = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return Site(**{**kept, "folder": Path(kept["folder"])})


def package_of(folder: Path) -> str:
    """A text that names the code in `folder`: it changes when a file of the code changes.

    Hidden folders are no part of the code: they hold environments, caches and homes.
    """
    found = sha256()
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in NO_PART)
        for name in sorted(files):
            if name.endswith(PACKAGED) and not name.startswith("."):
                file = Path(at, name)
                status = file.stat()
                found.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()[:16]
