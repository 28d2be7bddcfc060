"""What one localcloud serves: resources, a function app, and the Python environment of its nodes.

    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
    spec = CloudSpec([Resource(group, {"location": "westeurope"}, "2024-03-01"), …], app=Path("app"))
    Stack(Home.open(Path(".localcloud")), spec).start()

When the cloud starts, it deploys the resources, and the snapshots that `bicep snapshot` wrote
(deployment.py). Ids, bodies and API versions are those of Azure's templates, and so are expressions, such as
`[reference('…').principalId]`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from localcloud import private_files
from localcloud.home import Home

Json = dict[str, Any]


class SpecError(Exception):
    """A file does not hold a specification of a cloud; the text says why."""


@dataclass(frozen=True)
class Resource:
    """One resource as a template deploys it: the cloud sends `body` with PUT to `id`, with `api_version`."""

    id: str
    body: Json
    api_version: str


@dataclass(frozen=True)
class CloudSpec:
    """The specification of a localcloud: everything that it serves.

    resources: deployed as one template would deploy them, in the order that they need. snapshots: files of
    `bicep snapshot`, each of which is a deployment to the subscription; they come first, in their order. app:
    the function app's folder; without one, the stack has no Functions host. node_environment: an existing
    Python environment, which Batch tasks find on their PATH and in which models score; localcloud never
    writes to it. node_requirements: if there is no node_environment, localcloud makes one from this file,
    which locks its requirements by hash. node_python: the Python version of the environment that localcloud
    makes. node_environment_mark: a file below $AZ_BATCH_NODE_SHARED_DIR by which the pool's start task knows
    that an environment is complete, such as `env-1/.complete`: localcloud's nodes have it.
    """

    resources: Sequence[Resource] = field(default_factory=tuple)
    app: Path | None = None
    node_environment: Path | None = None
    node_requirements: Path | None = None
    node_python: str = "3.11"
    node_environment_mark: str = ""
    snapshots: Sequence[Path] = field(default_factory=tuple)

    def to_json(self) -> Json:
        return {
            "resources": [asdict(each) for each in self.resources],
            "app": _text(self.app),
            "nodeEnvironment": _text(self.node_environment),
            "nodeRequirements": _text(self.node_requirements),
            "nodePython": self.node_python,
            "nodeEnvironmentMark": self.node_environment_mark,
            "snapshots": [_text(each) for each in self.snapshots],
        }

    @classmethod
    def from_json(cls, body: Any, folder: Path = Path()) -> "CloudSpec":
        """The specification in `body`; `folder` is the base of relative paths. Raises SpecError."""
        known = cls().to_json().keys()
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
            str(body.get("nodeEnvironmentMark", cls.node_environment_mark)),
            [(folder / each).absolute() for each in body.get("snapshots", [])],
        )

    @classmethod
    def read(cls, file: Path) -> "CloudSpec":
        """The specification in a JSON file, whose folder is the base of relative paths. Raises SpecError."""
        try:
            return cls.from_json(json.loads(file.read_text()), file.parent)
        except (OSError, ValueError, SpecError) as error:
            raise SpecError(f"{file} holds no specification: {error}") from None

    def write(self, file: Path) -> None:
        """Write the specification so that only its owner can read it: settings may hold secrets."""
        private_files.replace(file, json.dumps(self.to_json(), indent=1))

    @staticmethod
    def snapshot(file: Path) -> Any:
        """The content of a snapshot's file. Raises SpecError."""
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SpecError(f"{file} holds no snapshot: {error}") from None


def spec_file(home: Home) -> Path:
    """The file through which the processes of a stack share its specification."""
    return home.root / "spec.json"


def of_home(home: Home) -> CloudSpec:
    """The specification of the home's last start; an empty one if the home was never started."""
    file = spec_file(home)
    return CloudSpec.read(file) if file.exists() else CloudSpec()


def _text(path: Path | None) -> str | None:
    return str(path.absolute()) if path else None


def _resource(number: int, body: Any) -> Resource:
    texts = isinstance(body, dict) and all(isinstance(body.get(name), str) for name in ("id", "api_version"))
    if not texts or not isinstance(body.get("body"), dict):
        raise SpecError(f"resource {number} needs the texts id and api_version, and the object body.")
    return Resource(body["id"], body["body"], body["api_version"])
