"""What one localcloud serves: a list of resources, a function app, and the Python of its nodes.

    spec = CloudSpec( resources=[ Resource(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab", {"location":
    "westeurope"}, "2024-03-01"), … ], app=Path("app"), ) Stack(Home.open(Path(".localcloud")), spec).start()

The cloud applies the list to its own Resource Manager, by PUT, each time it starts. Ids, bodies and API
versions are therefore those of Azure's templates.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from localcloud.home import Home

Json = dict[str, Any]


class SpecError(Exception):
    """A file that holds no specification of a cloud; the text says why."""


@dataclass(frozen=True)
class Resource:
    """One resource as a template deploys it: `body` is sent by PUT to `id`, with `api_version`."""

    id: str
    body: Json
    api_version: str


@dataclass(frozen=True)
class CloudSpec:
    """Everything that a localcloud is told about what it serves.

    app: the function app's folder; without one, no Functions host is started. node_environment: a ready
    Python environment, which Batch tasks find on their PATH and in which models score; it is never written.
    node_requirements: without a ready environment, one is made from this file, whose requirements are locked
    by hash; node_python is its Python version.
    """

    resources: Sequence[Resource] = field(default_factory=tuple)
    app: Path | None = None
    node_environment: Path | None = None
    node_requirements: Path | None = None
    node_python: str = "3.11"

    def to_json(self) -> Json:
        return {
            "resources": [asdict(each) for each in self.resources],
            "app": _text(self.app),
            "nodeEnvironment": _text(self.node_environment),
            "nodeRequirements": _text(self.node_requirements),
            "nodePython": self.node_python,
        }

    @classmethod
    def from_json(cls, body: Any, folder: Path = Path()) -> "CloudSpec":
        """The specification in `body`; relative paths begin at `folder`. Raises SpecError."""
        known = {"resources", "app", "nodeEnvironment", "nodeRequirements", "nodePython"}
        if not isinstance(body, dict) or not body.keys() <= known:
            raise SpecError(f"a specification is an object with the keys {', '.join(sorted(known))}.")

        def path(name: str) -> Path | None:
            return (folder / body[name]).absolute() if body.get(name) else None

        return cls(
            [_resource(number, each) for number, each in enumerate(body.get("resources", []))],
            path("app"),
            path("nodeEnvironment"),
            path("nodeRequirements"),
            str(body.get("nodePython", cls.node_python)),
        )

    @classmethod
    def read(cls, file: Path) -> "CloudSpec":
        """The specification in a JSON file; relative paths begin at its folder. Raises SpecError."""
        try:
            return cls.from_json(json.loads(file.read_text()), file.parent)
        except (OSError, ValueError, SpecError) as error:
            raise SpecError(f"{file} holds no specification: {error}") from None

    def write(self, file: Path) -> None:
        """Write the specification so that only its owner can read it: settings may hold secrets."""
        draft = file.with_name(f"{file.name}.partial")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(self.to_json(), out, indent=1)
        draft.replace(file)

    def app_settings(self) -> dict[str, str]:
        """The settings of the site in the list; a `config/appsettings` replaces those in its siteConfig."""
        settings: dict[str, str] = {}
        for each in self.resources:
            parts = each.id.lower().split("/")
            properties = each.body.get("properties") or {}
            if parts[-3:-1] == ["microsoft.web", "sites"]:
                listed = (properties.get("siteConfig") or {}).get("appSettings") or []
                settings = {str(one["name"]): str(one["value"]) for one in listed}
        for each in self.resources:
            if each.id.lower().endswith("/config/appsettings"):
                settings = {name: str(value) for name, value in (each.body.get("properties") or {}).items()}
        return settings


def kept_in(home: Home) -> Path:
    """The file through which the processes of a stack share its specification."""
    return home.root / "spec.json"


def of_home(home: Home) -> CloudSpec:
    """The specification that the home was last started with; an empty one before that."""
    file = kept_in(home)
    return CloudSpec.read(file) if file.exists() else CloudSpec()


def _text(path: Path | None) -> str | None:
    return str(path.absolute()) if path else None


def _resource(number: int, body: Any) -> Resource:
    texts = isinstance(body, dict) and all(isinstance(body.get(name), str) for name in ("id", "api_version"))
    if not texts or not isinstance(body.get("body"), dict):
        raise SpecError(f"resource {number} needs the texts id and api_version, and the object body.")
    return Resource(body["id"], body["body"], body["api_version"])
