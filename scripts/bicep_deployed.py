"""What one case deploys, as its snapshot lists it, in terms that an assertion can state."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scripts.bicep_snapshots import cases, snapshot_of

type Resource = dict[str, Any]

TOKEN = re.compile(r"\bid-\w+-([a-z2-7]{13})\b")
RESOURCE_ID = re.compile(r"/subscriptions/[-0-9a-f]{36}/resourceGroups/[\w.()-]+(/providers/)?")
REFERENCE = re.compile(r"reference\('([^']*)', '[^']*'\)")


@dataclass(frozen=True)
class Deployed:
    """The evaluated resources of one case. given: the parameters that it sets to a string, by name."""

    case: str
    given: dict[str, str]
    resources: list[Resource]

    def of(self, kind: str) -> list[Resource]:
        return [each for each in self.resources if each["type"].lower() == kind.lower()]

    def only(self, kind: str, name: str = "") -> Resource:
        """The one resource of a type whose own name starts so. Raises ValueError unless there is one."""
        (found,) = [each for each in self.of(kind) if each["name"].rpartition("/")[2].startswith(name)]
        return found

    @property
    def is_main(self) -> bool:
        return bool(self.of("Microsoft.Resources/resourceGroups"))

    def plain(self, value: Any) -> Any:
        """A value without what differs between environments: subscription, group, and the token in names.

        The id of a resource becomes its type and name, and a reference to it becomes its id.
        """
        text = REFERENCE.sub(r"\1", json.dumps(value).replace(self.token, ""))
        return json.loads(RESOURCE_ID.sub("", text))

    @cached_property
    def token(self) -> str:
        """The end of the names of this environment's resources, uniqueString of what tells it from others."""
        found = Counter(TOKEN.findall(json.dumps(self.resources)))
        return str(found.most_common(1)[0][0])


def of_case(case: Path, snapshot: dict[str, Any]) -> Deployed:
    given = dict(re.findall(r"^param (\w+) = '(.*)'$", case.read_text(), re.MULTILINE))
    return Deployed(case.stem, given, snapshot["predictedResources"])


def committed() -> list[Deployed]:
    """All cases, as their committed snapshots describe them."""
    return [of_case(case, json.loads(snapshot_of(case).read_text())) for case in cases()]
