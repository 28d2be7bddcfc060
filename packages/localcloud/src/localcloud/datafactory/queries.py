"""Queries of runs: the time window, filters, order and pages of queryPipelineRuns and queryActivityruns.

A page's continuation token contains the position of its last run in the order, not a count of runs. So runs
that begin or end between two pages neither repeat nor hide others.
Source: "Pipeline Runs - Query By Factory", RunFilterParameters.
"""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cmp_to_key
from typing import Any

from localcloud import json_texts
from localcloud.datafactory.errors import BadRequestError

Body = dict[str, Any]

PAGE = 100
"""Most runs in one page."""

PIPELINE_RUN_OPERANDS = {
    "PipelineName": "pipelineName",
    "Status": "status",
    "RunStart": "runStart",
    "RunEnd": "runEnd",
    "RunGroupId": "runGroupId",
    "LatestOnly": "isLatest",
}
ACTIVITY_RUN_OPERANDS = {
    "ActivityName": "activityName",
    "ActivityType": "activityType",
    "Status": "status",
    "ActivityRunStart": "activityRunStart",
    "ActivityRunEnd": "activityRunEnd",
}
TIMES = frozenset({"RunStart", "RunEnd", "ActivityRunStart", "ActivityRunEnd"})
OPERATORS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "Equals": lambda value, values: value == values[0],
    "NotEquals": lambda value, values: value != values[0],
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
}


def query(runs: Iterable[Body], id_: str, operands: dict[str, str], request: Body) -> Body:
    """Return one page of the runs that `request` selects.

    runs: the runs' bodies in the service's form. id_: the property that identifies a run.
    Raises BadRequestError.
    """
    after, before = _time(request, "lastUpdatedAfter"), _time(request, "lastUpdatedBefore")
    found = [run for run in runs if after <= datetime.fromisoformat(run["lastUpdated"]) <= before]
    for given in _objects(request, "filters"):
        keep = _filter(given, operands)
        found = [run for run in found if keep(run)]
    order = [_order(given, operands) for given in _objects(request, "orderBy")]
    return _page(found, Order(tuple(order or [(_start(operands), True)]), id_), request)


@dataclass(frozen=True)
class Order:
    """Compare two runs by `keys` (property, descending), then by `id_`."""

    keys: tuple[tuple[str, bool], ...]
    id_: str

    def compare(self, left: Body, right: Body) -> int:
        for name, descending in (*self.keys, (self.id_, False)):
            first, second = str(left[name] or ""), str(right[name] or "")
            if first != second:
                return -1 if (first < second) != descending else 1
        return 0

    def place(self, run: Body) -> Body:
        """Return the values of `run` that determine its position in the order."""
        return {name: run[name] for name in (*(key for key, _ in self.keys), self.id_)}


def _page(found: list[Body], order: Order, request: Body) -> Body:
    found = sorted(found, key=cmp_to_key(order.compare))
    if token := request.get("continuationToken"):
        last = _read_token(token, order)
        found = [run for run in found if order.compare(last, run) < 0]
    page = found[:PAGE]
    if len(found) <= PAGE:
        return {"value": page}
    place = json.dumps(order.place(page[-1]))
    return {"value": page, "continuationToken": base64.urlsafe_b64encode(place.encode()).decode()}


def _read_token(token: Any, order: Order) -> Body:
    try:
        return order.place(json_texts.loads(base64.urlsafe_b64decode(token)))
    except (TypeError, ValueError, KeyError):
        message = "continuationToken is not one of this service's, or of a query in another order."
        raise BadRequestError(message, "continuationToken") from None


def _filter(given: Body, operands: dict[str, str]) -> Callable[[Body], bool]:
    operand, operator, values = given.get("operand"), given.get("operator"), given.get("values")
    if operand not in operands:
        raise BadRequestError(f"The operand {operand!r} is none of {', '.join(operands)}.", "filters")
    if operator not in OPERATORS:
        raise BadRequestError(f"The operator {operator!r} is none of {', '.join(OPERATORS)}.", "filters")
    if not isinstance(values, list) or not values:
        raise BadRequestError(f"The filter on {operand} needs values.", "filters")
    name, matches = operands[operand], OPERATORS[operator]
    if operand == "LatestOnly":
        latest_only = str(values[0]).lower() == "true"
        return lambda run: bool(run[name]) or not latest_only
    if operand in TIMES:
        times = [_moment(value, operand) for value in values]
        return lambda run: matches(_moment(run[name], operand) if run[name] else None, times)
    texts = [str(value) for value in values]
    return lambda run: matches(run[name], texts)


def _order(given: Body, operands: dict[str, str]) -> tuple[str, bool]:
    name, order = given.get("orderBy"), given.get("order")
    if name not in operands or order not in ("ASC", "DESC"):
        raise BadRequestError(
            f"{given} is no order: orderBy of {', '.join(operands)}; ASC or DESC.", "orderBy"
        )
    return operands[name], order == "DESC"


def _start(operands: dict[str, str]) -> str:
    return next(name for operand, name in operands.items() if operand.endswith("Start"))


def _objects(request: Body, key: str) -> list[Body]:
    value = request.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadRequestError(f"'{key}' is {value!r}: an array of objects is expected.", key)
    return value


def _time(request: Body, key: str) -> datetime:
    if not request.get(key):
        raise BadRequestError(f"'{key}' is required: a time in ISO 8601.", key)
    return _moment(request[key], key)


def _moment(value: Any, key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRequestError(f"'{key}' is {value!r}: a time in ISO 8601 is expected.", key) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
