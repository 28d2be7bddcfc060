"""A pipeline as it was published: read from its JSON, and refused when it could not run.

Everything that can be known without a run is checked here, so that a mistake is an answer to the
publisher and not a failed run hours later.
Source: "Pipelines - Create Or Update"; Bicep type Microsoft.DataFactory/factories/pipelines@2018-06-01;
"Azure Data Factory naming rules".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localcloud.datafactory import expressions
from localcloud.datafactory.errors import BadRequest, InvalidName
from localcloud.datafactory.expressions import ExpressionError, Known
from localcloud.datafactory.expressions.templates import is_expression
from localcloud.wire import not_imitated

Json = dict[str, Any]

CONDITIONS = frozenset({"Succeeded", "Failed", "Skipped", "Completed"})
VARIABLE_TYPES = frozenset({"String", "Bool", "Array"})
DOCUMENT_NAME = re.compile(r"[A-Za-z0-9_][^<>*#.%&:\\+?/]*")
FACTORY_NAME = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
TIMESPAN = re.compile(r"(?:(?P<days>\d{1,5})\.)?(?P<hours>\d\d):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)")
ACTIVITY_NAME_LENGTH = 55
RETRY_INTERVAL = range(30, 86401)
"""Seconds."""


@dataclass(frozen=True)
class Policy:
    """How often and how long an activity is tried. The defaults are those of the service's schema."""

    timeout: timedelta = timedelta(days=7)
    retry: int = 0
    retry_interval: int = 30
    secure_input: bool = False
    secure_output: bool = False


@dataclass(frozen=True)
class Dependency:
    activity: str
    conditions: frozenset[str]


@dataclass(frozen=True)
class Activity:
    """definition: the activity's JSON as published, expressions and all."""

    name: str
    linked_service: str
    dependencies: tuple[Dependency, ...]
    policy: Policy
    definition: Json

    @property
    def type_properties(self) -> Json:
        properties: Json = self.definition["typeProperties"]
        return properties


@dataclass(frozen=True)
class Parameter:
    """type: one of PARAMETER_TYPES. default: the value when `has_default`; null is none."""

    type: str
    has_default: bool = False
    default: Any = None


@dataclass(frozen=True)
class Pipeline:
    name: str
    activities: tuple[Activity, ...]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    variables: Json = field(default_factory=dict)
    run_dimensions: Json = field(default_factory=dict)
    concurrency: int | None = None

    def linked_services(self) -> set[str]:
        """The names of every linked service that the activities refer to."""
        names = set()
        for activity in self.activities:
            properties = activity.type_properties
            names.add(activity.linked_service)
            if code := properties.get("resourceLinkedService"):
                names.add(code["referenceName"])
            for each in _array(_object(properties, "referenceObjects"), "linkedServices"):
                names.add(each["referenceName"])
        return names

    def arguments(self, given: Json) -> Json:
        """The value of every parameter: `given`, or its default.

        Raises BadRequest for a value that is missing, of another type, or of no parameter.
        """
        for name in given:
            if name not in self.parameters:
                raise BadRequest(f"The pipeline '{self.name}' has no parameter '{name}'.", name)
        values: Json = {}
        for name, parameter in self.parameters.items():
            if name in given:
                values[name] = typed(name, parameter.type, given[name])
            elif parameter.has_default:
                values[name] = parameter.default
            else:
                message = f"The pipeline '{self.name}' needs a value for '{name}': it has no default."
                raise BadRequest(message, name)
        return values


def read(name: str, properties: Json) -> Pipeline:
    """The pipeline that `properties` defines. Raises BadRequest, or AzureError 501 for what is left out."""
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
        raise BadRequest(f"concurrency is {concurrency!r}: a whole number of 1 or more is expected.", name)
    return Pipeline(name, activities, parameters, variables, run_dimensions, concurrency)


def check_document_name(kind: str, name: str) -> None:
    if not DOCUMENT_NAME.fullmatch(name) or len(name) > 260:
        rule = "1 to 260 characters, first a letter, a digit or _, and none of < > * # . % & : \\ + ? /"
        raise InvalidName(kind, name, rule)


def check_factory_name(name: str) -> None:
    if not FACTORY_NAME.fullmatch(name) or not 3 <= len(name) <= 63:
        raise InvalidName("factory", name, "3 to 63 letters, digits and single hyphens inside")


def typed(name: str, type_: str, value: Any) -> Any:
    """`value` when it is of `type_`. Raises BadRequest."""
    if type_ == "Float" and type(value) is int:
        return float(value)
    if type(value) not in PARAMETER_TYPES[type_]:
        raise BadRequest(f"The parameter '{name}' is of type {type_}; {value!r} is not.", name)
    return value


PARAMETER_TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "SecureString": (str,),
    "Int": (int,),
    "Float": (float,),
    "Bool": (bool,),
    "Array": (list,),
    "Object": (dict,),
}


def _activity(item: Any) -> Activity:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise BadRequest("An activity needs a name.")
    name, type_ = item["name"], item.get("type")
    if not name.strip() or len(name) > ACTIVITY_NAME_LENGTH:
        raise InvalidName("activity", name, f"1 to {ACTIVITY_NAME_LENGTH} characters")
    if type_ != "Custom":
        raise not_imitated(f"activities of type '{type_}' (activity '{name}')")
    if item.get("state", "Active") != "Active":
        raise not_imitated(f"inactive activities (activity '{name}')")
    dependencies = tuple(_dependency(name, entry) for entry in _array(item, "dependsOn"))
    activity = Activity(
        name, reference(item.get("linkedServiceName"), name), dependencies, _policy(name, item), item
    )
    _check_custom(activity)
    return activity


def _check_custom(activity: Activity) -> None:
    properties, name = _object(activity.definition, "typeProperties"), activity.name
    command = properties.get("command")
    if not (isinstance(command, str) and command) and not is_expression(command):
        raise BadRequest(f"The Custom activity '{name}' needs a command.", name)
    if isinstance(command, str) and command != command.strip():
        raise BadRequest(
            f"The command of '{name}' begins or ends with a space; the Batch job would never finish.", name
        )
    folder, storage = properties.get("folderPath"), properties.get("resourceLinkedService")
    if (folder is None) != (storage is None):
        raise BadRequest(f"'{name}' needs both resourceLinkedService and folderPath, or neither.", name)
    if storage is not None:
        reference(storage, name)
    references = _object(properties, "referenceObjects")
    for each in _array(references, "linkedServices"):
        reference(each, name)
    if _array(references, "datasets"):
        raise not_imitated(f"datasets in referenceObjects (activity '{name}')")
    _object(properties, "extendedProperties")
    if properties.get("autoUserSpecification") is not None:
        raise not_imitated(f"autoUserSpecification: every task runs as you (activity '{name}')")
    retention = properties.get("retentionTimeInDays")
    if is_expression(retention):
        raise not_imitated(f"an expression for retentionTimeInDays (activity '{name}')")
    if retention is not None and (type(retention) not in (int, float) or retention < 0):
        raise BadRequest(f"retentionTimeInDays of '{name}' is {retention!r}: a number is expected.", name)


def _policy(name: str, item: Json) -> Policy:
    given = _object(item, "policy")
    if any(is_expression(value) for value in given.values()):
        raise not_imitated(f"expressions in the policy of an activity (activity '{name}')")
    default = Policy()
    retry = given.get("retry", default.retry)
    interval = given.get("retryIntervalInSeconds", default.retry_interval)
    if type(retry) is not int or retry < 0:
        raise BadRequest(f"policy.retry of '{name}' is {retry!r}: 0 or more is expected.", name)
    if type(interval) is not int or interval not in RETRY_INTERVAL:
        allowed = f"{RETRY_INTERVAL.start} to {RETRY_INTERVAL.stop - 1} seconds"
        raise BadRequest(f"policy.retryIntervalInSeconds of '{name}' is {interval!r}: {allowed}.", name)
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
        raise BadRequest(f"policy.timeout of '{name}' is {text!r}: D.HH:MM:SS is expected.", name)
    span = timedelta(**{unit: int(value or 0) for unit, value in found.groupdict().items()})
    if not span:
        raise BadRequest(f"policy.timeout of '{name}' is {text!r}: nothing could run in no time.", name)
    return span


def _dependency(name: str, entry: Any) -> Dependency:
    if not isinstance(entry, dict) or not isinstance(entry.get("activity"), str):
        raise BadRequest(f"dependsOn of '{name}' needs the name of an activity.", name)
    conditions = frozenset(str(each) for each in _array(entry, "dependencyConditions"))
    if not conditions or not conditions <= CONDITIONS:
        raise BadRequest(f"dependencyConditions of '{name}' are of {', '.join(sorted(CONDITIONS))}.", name)
    return Dependency(entry["activity"], conditions)


def _ancestors(activities: Iterable[Activity]) -> dict[str, set[str]]:
    """By activity, every activity that has ended before it begins. Raises BadRequest for a circle."""
    parents: dict[str, list[str]] = {}
    for activity in activities:
        if activity.name in parents:
            raise BadRequest(f"The name '{activity.name}' stands for two activities.", activity.name)
        parents[activity.name] = [dependency.activity for dependency in activity.dependencies]
    for name, names in parents.items():
        for missing in set(names) - parents.keys():
            raise BadRequest(f"'{name}' depends on '{missing}', which does not exist.", name)
    try:
        order = list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        raise BadRequest(f"The activities wait for each other in a circle: {error.args[1]}.") from None
    found: dict[str, set[str]] = {}
    for name in order:
        found[name] = set(parents[name]).union(*(found[parent] for parent in parents[name]))
    return found


def _check_expressions(value: Json, known: Known, target: str) -> None:
    try:
        expressions.check(value, known)
    except ExpressionError as error:
        raise BadRequest(f"An expression of '{target}' is not valid: {error}.", target) from None


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
        raise BadRequest(f"The {what} needs a type of {', '.join(types)}; it has {sent!r}.")
    return type_


def reference(given: Any, target: str) -> str:
    """The name in a reference to a linked service."""
    name = given.get("referenceName") if isinstance(given, dict) else None
    if not isinstance(name, str) or not name or given.get("type") != "LinkedServiceReference":
        raise BadRequest(
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
        raise BadRequest(f"'{key}' is {value!r}: an object is expected.", key)
    return value


def _array(owner: Json, key: str) -> list[Any]:
    value = owner.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequest(f"'{key}' is {value!r}: an array is expected.", key)
    return value
