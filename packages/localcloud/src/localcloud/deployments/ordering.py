"""The order in which the resources of a snapshot are deployed."""

import graphlib
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from localcloud.deployments.dependencies import ASSIGNMENT, Needs, needs
from localcloud.deployments.evaluation import Deployment
from localcloud.deployments.tracing import Document, Traced, traced

type Place = tuple[int, int]
"""Rank and index of a resource."""


@dataclass(frozen=True)
class Step:
    """A resource when its turn comes. key: stands for it in the needs of others; needs: their keys."""

    key: str
    needs: frozenset[str]
    resource: Document


class SnapshotError(Exception):
    """A snapshot cannot be deployed; the text names the resources."""


def ordered(resources: Sequence[Document], deployment: Deployment) -> list[Document]:
    """Resources so that each comes after those that it needs (dependencies.py).

    Of those that nothing holds back, role assignments come first. Those that carry an identity come last,
    because they may use its roles at once. Within these three groups the order stays as it is. The deployment
    is asked for its scope only. Raises SnapshotError for an id that is there twice and for resources that
    need each other, and ExpressionError.
    """
    return [step.resource for step in steps(resources, deployment)]


def steps(resources: Sequence[Document], deployment: Deployment) -> list[Step]:
    """Resources in the order of ordered(), each with what it needs. Raises as ordered() does."""
    found = [traced(each, deployment) for each in resources]
    refuse_twice(found)
    places = {each.id: (rank(each), index) for index, each in enumerate(found)}
    wanted = needs(found)
    return [Step(key, frozenset(wanted[key]), resources[places[key][1]]) for key in sequence(wanted, places)]


def rank(resource: Traced) -> int:
    if resource.type == ASSIGNMENT:
        return 0
    return 2 if "identity" in resource.body else 1


def refuse_twice(resources: Sequence[Traced]) -> None:
    known: set[str] = set()
    for each in resources:
        if each.id in known:
            raise SnapshotError(f"The resource {each.id} is there twice: give one of them another name.")
        known.add(each.id)


def sequence(wanted: Needs, places: Mapping[str, Place]) -> list[str]:
    """The ids in an order that `wanted` allows; of those that it allows next, the one with the lowest
    place."""
    sorter = graphlib.TopologicalSorter(wanted)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        members = error.args[1][:-1]
        raise SnapshotError(
            "These resources need each other, so that none can be deployed first: "
            + ", ".join(sorted(members))
        ) from None
    waiting: list[tuple[Place, str]] = []
    found = []
    while sorter.is_active():
        for each in sorter.get_ready():
            heapq.heappush(waiting, (places[each], each))
        _, next_ = heapq.heappop(waiting)
        found.append(next_)
        sorter.done(next_)
    return found
