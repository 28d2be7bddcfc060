"""The parsed form of a pipeline, and the names and values that the service accepts.

Source: Bicep type Microsoft.DataFactory/factories/pipelines@2018-06-01; "Azure Data Factory naming rules".
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from localcloud.datafactory.errors import BadRequestError, InvalidNameError

Json = dict[str, Any]

DOCUMENT_NAME = re.compile(r"[A-Za-z0-9_][^<>*#.%&:\\+?/]*")
FACTORY_NAME = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
PARAMETER_TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "SecureString": (str,),
    "Int": (int,),
    "Float": (float,),
    "Bool": (bool,),
    "Array": (list,),
    "Object": (dict,),
}


@dataclass(frozen=True)
class Policy:
    """The retries and the timeout of an activity. The defaults are those of the service's schema."""

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
    """linked_service: the one of its pool. references: the names of all linked services that it refers to.
    definition: the activity's JSON as published, including its expressions.
    """

    name: str
    linked_service: str
    references: frozenset[str]
    dependencies: tuple[Dependency, ...]
    policy: Policy
    definition: Json


@dataclass(frozen=True)
class Parameter:
    """type: one of PARAMETER_TYPES. default: valid if `has_default`; a default of null counts as none."""

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
        """Return the names of all linked services that the activities refer to."""
        return {name for activity in self.activities for name in activity.references}

    def arguments(self, given: Json) -> Json:
        """Return the value of every parameter: the one in `given`, or its default.

        Raises BadRequestError if a value is missing, has the wrong type, or belongs to no parameter.
        """
        for name in given:
            if name not in self.parameters:
                raise BadRequestError(f"The pipeline '{self.name}' has no parameter '{name}'.", name)
        values: Json = {}
        for name, parameter in self.parameters.items():
            if name in given:
                values[name] = typed(name, parameter.type, given[name])
            elif parameter.has_default:
                values[name] = parameter.default
            else:
                message = f"The pipeline '{self.name}' needs a value for '{name}': it has no default."
                raise BadRequestError(message, name)
        return values


def check_document_name(kind: str, name: str) -> None:
    if not DOCUMENT_NAME.fullmatch(name) or len(name) > 260:
        rule = "1 to 260 characters, first a letter, a digit or _, and none of < > * # . % & : \\ + ? /"
        raise InvalidNameError(kind, name, rule)


def check_factory_name(name: str) -> None:
    if not FACTORY_NAME.fullmatch(name) or not 3 <= len(name) <= 63:
        raise InvalidNameError("factory", name, "3 to 63 letters, digits and single hyphens inside")


def typed(name: str, type_: str, value: Any) -> Any:
    """Return `value` if it has the type `type_`. Raises BadRequestError."""
    if type_ == "Float" and type(value) is int:
        return float(value)
    if type(value) not in PARAMETER_TYPES[type_]:
        raise BadRequestError(f"The parameter '{name}' is of type {type_}; {value!r} is not.", name)
    return value
