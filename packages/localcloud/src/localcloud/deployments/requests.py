"""What a request to deploy asks for.

Source: "Deployments - Create Or Update" and "- Create Or Update At Subscription Scope" of 2025-04-01, and
what az 2.91 sends.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from localcloud.deployments import compiler, relaxed_json
from localcloud.deployments.compiler import NoCompilerError, Place, TemplateError
from localcloud.deployments.literals import literal_texts, protected
from localcloud.deployments.ordering import SnapshotError
from localcloud.deployments.parameter_files import ParameterNameError
from localcloud.deployments.records import TYPE
from localcloud.deployments.snapshots import PartialSnapshotError, Snapshot
from localcloud.deployments.templates import without_secrecy
from localcloud.deployments.tracing import Document
from localcloud.home import TENANT
from localcloud.wire import AzureError, not_imitated

NAME = re.compile(r"[-\w.()]{1,64}")
LOCATION = re.compile(r"[A-Za-z0-9 ]{1,64}")
LINKED = ("templateLink", "parametersLink", "onErrorDeployment", "externalInputs", "extensionConfigs")


@dataclass(frozen=True)
class Target:
    """Where a deployment goes. group: a resource group's name, or None for the subscription itself."""

    subscription: str
    group: str | None
    name: str
    location: str

    @property
    def scope(self) -> str:
        root = f"/subscriptions/{self.subscription}"
        return f"{root}/resourceGroups/{self.group}" if self.group else root

    @property
    def id(self) -> str:
        return f"{self.scope}/providers/{TYPE}/{self.name}"

    @property
    def place(self) -> Place:
        return Place(TENANT, self.subscription, self.group, self.location, self.name)


@dataclass(frozen=True)
class Wanted:
    """A deployment that is asked for. template: {} where only a snapshot was given."""

    target: Target
    snapshot: Snapshot
    template: Document
    values: Document
    tags: Any = None


def checked_name(name: str) -> str:
    """A deployment's name. Raises AzureError 400."""
    if not NAME.fullmatch(name):
        message = (
            f"The deployment name '{name}' is not valid: it has 1 to 64 letters, digits, hyphens,"
            " underscores, periods and parentheses."
        )
        raise AzureError(400, "InvalidDeploymentName", message)
    return name


def checked_location(location: object) -> str:
    """The location of a deployment to a subscription. Raises AzureError 400."""
    if not location:
        message = "The 'location' property must be specified for deployments at subscription scope."
        raise AzureError(400, "LocationRequired", message)
    if not isinstance(location, str) or not LOCATION.fullmatch(location):
        raise AzureError(400, "InvalidLocation", f"The location {json.dumps(location)} is not valid.")
    return location


def body_of(raw: bytes) -> Document:
    """The body of a request to deploy. Raises AzureError 400."""
    try:
        body = relaxed_json.loads(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise AzureError(400, "InvalidRequestContent", f"The request content was invalid: {error}.") from None
    if not isinstance(body, dict):
        message = "The request content was invalid: a JSON object is expected."
        raise AzureError(400, "InvalidRequestContent", message)
    return body


def properties_of_request(body: Document) -> Document:
    """`properties` of a request. Raises AzureError 400, and 501 for what localcloud lacks."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        message = "The request content was invalid: the required property 'properties' is not there."
        raise AzureError(400, "InvalidRequestContent", message)
    for name in LINKED:
        if properties.get(name):
            raise not_imitated(f"deployments with {name}: send the template and the values themselves")
    if str(properties.get("mode", "Incremental")).lower() != "incremental":
        raise not_imitated("deployments in the mode Complete, which delete resources: use Incremental")
    return properties


def template_of(properties: Document) -> Document:
    template = properties.get("template")
    if not isinstance(template, dict):
        message = "Deployment template validation failed: 'the request has no template'."
        raise AzureError(400, "InvalidTemplate", message)
    return template


def values_of(properties: Document) -> Document:
    """The values of the parameters. Raises AzureError 400, and 501 for secrets of a Key Vault."""
    given = properties.get("parameters") or {}
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        message = "The request content was invalid: parameters must be objects, each with a value."
        raise AzureError(400, "InvalidRequestContent", message)
    for name, each in given.items():
        if "reference" in each:
            raise not_imitated(f"parameters that refer to a Key Vault, as '{name}' does: give its value")
    return {name: each.get("value") for name, each in given.items()}


async def evaluate(target: Target, body: Document) -> Wanted:
    """What a request's template would deploy.

    Raises AzureError 400 InvalidTemplate in the compiler's words, and 501 where there is no compiler.
    """
    properties = properties_of_request(body)
    template, values = template_of(properties), values_of(properties)
    try:
        document = await compiler.snapshot(without_secrecy(template), values, target.place)
        snapshot = Snapshot.read(protected(document, literal_texts(template, values)))
    except PartialSnapshotError as error:
        raise not_imitated(str(error)) from None
    except NoCompilerError as error:
        raise AzureError(501, "NotImplemented", str(error)) from None
    except (TemplateError, ParameterNameError, SnapshotError) as error:
        message = f"Deployment template validation failed: '{error}'."
        raise AzureError(400, "InvalidTemplate", message) from None
    return Wanted(target, snapshot, template, values, body.get("tags"))
