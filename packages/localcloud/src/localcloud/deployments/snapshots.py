"""Reads a snapshot, and hands out its resources when their turn comes.

Source of the format: `bicep snapshot` of the Bicep compiler 0.49, which writes {"predictedResources":
[{"id", "type", "name", "apiVersion", …}], "outputs": {}, "diagnostics": []}.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from localcloud.deployments.evaluation import Deployment, Evaluator
from localcloud.deployments.ordering import SnapshotError, ordered
from localcloud.deployments.tracing import Document

FIELDS = ("id", "type", "name", "apiVersion")


PARTIAL = re.compile(r"\S+ \w+ \w*ShortCircuited: ")
"""How a finding of the compiler begins, `ID LEVEL CODE: …`, where it could not read on: the snapshot lacks
the resources behind it."""


class PartialSnapshotError(SnapshotError):
    """A snapshot lacks resources of its template; the text has the compiler's words."""


@dataclass(frozen=True)
class Snapshot:
    """What a template deploys, evaluated as far as is possible before."""

    resources: list[Document]
    outputs: Document

    @classmethod
    def read(cls, document: Any) -> Self:
        """Raises SnapshotError, which says what is wrong, if a document is no snapshot or not a whole one."""
        resources = document.get("predictedResources") if isinstance(document, dict) else None
        if not isinstance(resources, list):
            raise SnapshotError(
                "This is no snapshot: it has no array predictedResources. `bicep snapshot` writes one."
            )
        for index, each in enumerate(resources):
            missing = [
                name for name in FIELDS if not isinstance(each, dict) or not isinstance(each.get(name), str)
            ]
            if missing:
                raise SnapshotError(f"Resource {index} of the snapshot has no {' and no '.join(missing)}.")
        check_whole(document.get("diagnostics"))
        return cls(resources, document.get("outputs") or {})

    @property
    def digest(self) -> str:
        """Tells whether two snapshots are the same."""
        content = json.dumps([self.resources, self.outputs], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def check_whole(diagnostics: Any) -> None:
    """Raises PartialSnapshotError if the compiler says that it left resources out."""
    found = diagnostics if isinstance(diagnostics, list) else []
    lacking = [each for each in map(str, found) if PARTIAL.match(each)]
    if lacking:
        raise PartialSnapshotError(
            "deployments whose templates the Bicep compiler does not read as a whole: give nested deployments"
            f" their template itself, and a scope that is known before. It says: {' '.join(lacking)}"
        )


def turns(snapshot: Snapshot, deployment: Deployment) -> Iterator[Document]:
    """The resources in their order, without expressions.

    A resource is evaluated when it is asked for: those before it must be deployed by then. Raises
    SnapshotError and ExpressionError, and what the deployment raises.
    """
    evaluator = Evaluator(deployment)
    for resource in ordered(snapshot.resources, deployment):
        yield evaluator.document(resource)


def outputs(snapshot: Snapshot, deployment: Deployment) -> Document:
    """The values of the outputs by their names, once all resources are deployed."""
    return {name: Evaluator(deployment).document(value) for name, value in snapshot.outputs.items()}
