"""Parses a pipeline from its JSON and refuses one that could not run.

Everything that can be checked without a run is checked here, so that whoever publishes a mistake gets an
error at once, not a failed run hours later. Source: "Pipelines - Create Or Update".
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localcloud.datafactory import expressions
from localcloud.datafactory.definitions import (
    PARAMETER_TYPES,
    Activity,
    Dependency,
    Json,
    Parameter,
    Pipeline,
    Policy,
    check_document_name,
    typed,
)
from localcloud.datafactory.errors import BadRequestError, InvalidNameError
from localcloud.datafactory.expressions import ExpressionError, Known
from localcloud.datafactory.expressions.templates import is_expression
from localcloud.wire import not_imitated

CONDITIONS = frozenset({"Succeeded", "Failed", "Skipped", "Completed"})
VARIABLE_TYPES = frozenset({"String", "Bool", "Array"})
TIMESPAN = re.compile(r"(?:(?P<days>\d{1,5})\.)?(?P<hours>\d\d):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)")
ACTIVITY_NAME_LENGTH = 55
RETRY_INTERVAL = range(30, 86401)
"""Seconds."""


def read(name: str, properties: Json) -> Pipeline:
    """The pipeline that `properties` defines.

    Raises BadRequestError, or AzureError 501 for a feature that localcloud does not implement.
    """
    check_document_name("pipeline", name)
    parameters = {key: _parameter(key, value) for key, value in _object(properties, "parameters").items()}
    variables = {key: _variable(key, value) for key, value in _object(properties, "variables").items()}
    activities = tuple(_activity(item) for item in _array(properties, "activities"))
    ancestors = _ancestors(activities)
    for activity in activities:
        known = Known(frozenset(parameters), frozenset(variables), frozenset(ancestors[activity.name]))
        checked = {key: activity.definition.get(key) for key in ("typeProperties", "userProperties")}
        _check_expressions(checked, known, activity.name)
    run_dimensions = _object(properties, "runDimensions")
    _check_expressions(run_dimensions, Known(frozenset(parameters), frozenset(variables)), name)
    concurrency = properties.get("concurrency")
    if concurrency is not None and (type(concurrency) is not int or concurrency < 1):
        raise BadRequestError(
            f"concurrency is {concurrency!r}: a whole number of 1 or more is expected.", name
        )
    return Pipeline(name, activities, parameters, variables, run_dimensions, concurrency)


def _activity(item: Any) -> Activity:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise BadRequestError("An activity needs a name.")
    name, type_ = item["name"], item.get("type")
    if not name.strip() or len(name) > ACTIVITY_NAME_LENGTH:
        raise InvalidNameError("activity", name, f"1 to {ACTIVITY_NAME_LENGTH} characters")
    if type_ != "Custom":
        raise not_imitated(f"activities of type '{type_}' (activity '{name}')")
    if item.get("state", "Active") != "Active":
        raise not_imitated(f"inactive activities (activity '{name}')")
    dependencies = tuple(_dependency(name, entry) for entry in _array(item, "dependsOn"))
    pool = reference(item.get("linkedServiceName"), name)
    references = frozenset({pool, *_check_custom(name, _object(item, "typeProperties"))})
    return Activity(name, pool, references, dependencies, _policy(name, item), item)


def _check_custom(name: str, properties: Json) -> list[str]:
    """Return the names of the linked services that the properties refer to. Raises BadRequestError."""
    command = properties.get("command")
    if not (isinstance(command, str) and command) and not is_expression(command):
        raise BadRequestError(f"The Custom activity '{name}' needs a command.", name)
    if isinstance(command, str) and command != command.strip():
        raise BadRequestError(
            f"The command of '{name}' begins or ends with a space; the Batch job would never finish.", name
        )
    folder, storage = properties.get("folderPath"), properties.get("resourceLinkedService")
    if (folder is None) != (storage is None):
        raise BadRequestError(f"'{name}' needs both resourceLinkedService and folderPath, or neither.", name)
    objects = _object(properties, "referenceObjects")
    referred = [storage] if storage is not None else []
    referred += _array(objects, "linkedServices")
    if _array(objects, "datasets"):
        raise not_imitated(f"datasets in referenceObjects (activity '{name}')")
    _object(properties, "extendedProperties")
    if properties.get("autoUserSpecification") is not None:
        raise not_imitated(f"autoUserSpecification: every task runs as you (activity '{name}')")
    retention = properties.get("retentionTimeInDays")
    if is_expression(retention):
        raise not_imitated(f"an expression for retentionTimeInDays (activity '{name}')")
    if retention is not None and (type(retention) not in (int, float) or retention < 0):
        raise BadRequestError(
            f"retentionTimeInDays of '{name}' is {retention!r}: a number is expected.", name
        )
    return [reference(each, name) for each in referred]


def _policy(name: str, item: Json) -> Policy:
    given = _object(item, "policy")
    if any(is_expression(value) for value in given.values()):
        raise not_imitated(f"expressions in the policy of an activity (activity '{name}')")
    default = Policy()
    retry = given.get("retry", default.retry)
    interval = given.get("retryIntervalInSeconds", default.retry_interval)
    if type(retry) is not int or retry < 0:
        raise BadRequestError(f"policy.retry of '{name}' is {retry!r}: 0 or more is expected.", name)
    if type(interval) is not int or interval not in RETRY_INTERVAL:
        allowed = f"{RETRY_INTERVAL.start} to {RETRY_INTERVAL.stop - 1} seconds"
        raise BadRequestError(f"policy.retryIntervalInSeconds of '{name}' is {interval!r}: {allowed}.", name)
    return Policy(
        timespan(given["timeout"], name) if "timeout" in given else default.timeout,
        retry,
        interval,
        given.get("secureInput") is True,
        given.get("secureOutput") is True,
    )


def timespan(text: Any, name: str) -> timedelta:
    found = TIMESPAN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise BadRequestError(f"policy.timeout of '{name}' is {text!r}: D.HH:MM:SS is expected.", name)
    span = timedelta(**{unit: int(value or 0) for unit, value in found.groupdict().items()})
    if not span:
        raise BadRequestError(f"policy.timeout of '{name}' is {text!r}: nothing could run in no time.", name)
    return span


def _dependency(name: str, entry: Any) -> Dependency:
    if not isinstance(entry, dict) or not isinstance(entry.get("activity"), str):
        raise BadRequestError(f"dependsOn of '{name}' needs the name of an activity.", name)
    conditions = frozenset(str(each) for each in _array(entry, "dependencyConditions"))
    if not conditions or not conditions <= CONDITIONS:
        raise BadRequestError(
            f"dependencyConditions of '{name}' are of {', '.join(sorted(CONDITIONS))}.", name
        )
    return Dependency(entry["activity"], conditions)


def _ancestors(activities: Iterable[Activity]) -> dict[str, set[str]]:
    """Return, by activity, all activities that end before it starts. Raises BadRequestError for a cycle."""
    parents: dict[str, list[str]] = {}
    for activity in activities:
        if activity.name in parents:
            raise BadRequestError(f"Two activities have the name '{activity.name}'.", activity.name)
        parents[activity.name] = [dependency.activity for dependency in activity.dependencies]
    for name, names in parents.items():
        for missing in set(names) - parents.keys():
            raise BadRequestError(f"'{name}' depends on '{missing}', which does not exist.", name)
    try:
        order = list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        raise BadRequestError(f"The activities wait for each other in a circle: {error.args[1]}.") from None
    found: dict[str, set[str]] = {}
    for name in order:
        found[name] = set(parents[name]).union(*(found[parent] for parent in parents[name]))
    return found


def _check_expressions(value: Json, known: Known, target: str) -> None:
    try:
        expressions.check(value, known)
    except ExpressionError as error:
        raise BadRequestError(f"An expression of '{target}' is not valid: {error}.", target) from None


def _parameter(name: str, given: Any) -> Parameter:
    type_ = _type_of(given, PARAMETER_TYPES, f"parameter '{name}'")
    default = given.get("defaultValue")
    if default is None:
        return Parameter(type_)
    return Parameter(type_, has_default=True, default=typed(name, type_, default))


def _variable(name: str, given: Any) -> Any:
    type_ = _type_of(given, VARIABLE_TYPES, f"variable '{name}'")
    default = given.get("defaultValue")
    return default if default is None else typed(name, type_, default)


def _type_of(given: Any, types: Iterable[str], what: str) -> str:
    sent = given.get("type") if isinstance(given, dict) else None
    type_ = next((each for each in types if isinstance(sent, str) and each.lower() == sent.lower()), None)
    if type_ is None:
        raise BadRequestError(f"The {what} needs a type of {', '.join(types)}; it has {sent!r}.")
    return type_


def reference(given: Any, target: str) -> str:
    """Return the name in a reference to a linked service."""
    name = given.get("referenceName") if isinstance(given, dict) else None
    if not isinstance(name, str) or not name or given.get("type") != "LinkedServiceReference":
        raise BadRequestError(
            f"'{target}' needs a linked service: referenceName, and the type LinkedServiceReference.", target
        )
    if given.get("parameters"):
        raise not_imitated(f"parameters of linked services (activity '{target}')")
    return name


def _object(owner: Json, key: str) -> Json:
    value = owner.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequestError(f"'{key}' is {value!r}: an object is expected.", key)
    return value


def _array(owner: Json, key: str) -> list[Any]:
    value = owner.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequestError(f"'{key}' is {value!r}: an array is expected.", key)
    return value
