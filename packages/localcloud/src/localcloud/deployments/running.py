"""Runs a deployment: writes its resources one after the other, and records what becomes of each.

A resource that fails holds back those that need it; the others are still made, as in Azure. What was made
stays, and the same deployment again goes on from there.

A snapshot does not tell everything that Azure shows of a deployment. The modules of a template, which are
deployments of their own in Azure, are not listed: their resources are operations of the deployment itself.
There are no dependencies (`properties.dependencies` is empty), and parameters without a given value show the
template's default, also where that is an expression.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

import httpx

from localcloud.deployments import records, resource_manager
from localcloud.deployments.answers import Answers, evaluated
from localcloud.deployments.ordering import Step
from localcloud.deployments.records import Records
from localcloud.deployments.requests import Wanted
from localcloud.deployments.resource_manager import RefusedError
from localcloud.deployments.syntax import ExpressionError
from localcloud.deployments.templates import shown_outputs
from localcloud.deployments.tracing import Document
from localcloud.wire import timestamp

log = logging.getLogger("localcloud.deployments")

FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for details."
    " Please see https://aka.ms/arm-deployment-operations for usage details."
)
CREATED = {200: "OK", 201: "Created", 202: "Accepted"}


class OutputsError(Exception):
    """Outputs cannot be evaluated. errors: Azure's error of each."""

    def __init__(self, errors: list[Document]) -> None:
        super().__init__(", ".join(error["target"] for error in errors))
        self.errors = errors


@dataclass
class Run:
    """One deployment while it runs.

    document: its record, which changes.
    """

    records: Records
    document: Document
    steps: list[Step]
    wanted: Wanted
    answers: Answers
    arm: httpx.AsyncClient
    failed: set[str] = field(default_factory=set)
    errors: list[Document] = field(default_factory=list)
    made: list[Document] = field(default_factory=list)

    async def run(self) -> None:
        """Deploy everything. The end is in the record; nothing is raised but what cancels the task."""
        try:
            await self.resources()
            if self.canceled():
                message = f"The deployment '{self.document['name']}' was canceled."
                self.end("Canceled", error={"code": "DeploymentCanceled", "message": message})
            elif self.errors:
                self.end("Failed", error=self.failure(self.errors))
            else:
                self.end("Succeeded", outputs=shown_outputs(self.wanted.template, await self.outputs()))
        except OutputsError as error:
            message = f"Unable to evaluate template outputs: '{error}'. Please see error details."
            whole = {"code": "DeploymentOutputEvaluationFailed", "message": message, "details": error.errors}
            self.end("Failed", error=whole)
        except Exception:
            log.exception("the deployment %s broke", self.document["id"])
            message = "localcloud broke; its log has the trace."
            self.end("Failed", error={"code": "InternalServerError", "message": message})
        finally:
            await self.arm.aclose()

    async def resources(self) -> None:
        if not self.canceled():
            self.document["properties"]["provisioningState"] = "Running"
            self.records.put(self.document)
        for step in self.steps:
            # Resource Manager in this process may answer at once: let it answer others too.
            await asyncio.sleep(0)
            if self.canceled():
                return
            if step.needs & self.failed:
                self.failed.add(step.key)
            else:
                await self.resource(step)

    async def resource(self, step: Step) -> None:
        """Deploy one resource, and record how it went."""
        began = timestamp()
        resource = step.resource
        try:
            resource = await evaluated(step.resource, self.answers, self.arm)
            self.recorded(resource, began, provisioningState="Running")
            status, _ = await resource_manager.put(self.arm, resource)
        except ExpressionError as error:
            message = (
                f"Unable to process template language expressions for resource '{resource['id']}'. '{error}'"
            )
            self.fails(step, resource, began, 400, {"code": "InvalidTemplate", "message": message})
        except RefusedError as refused:
            self.fails(step, resource, began, refused.status, refused.error)
        else:
            self.made.append(resource)
            code = CREATED.get(status, str(status))
            self.recorded(resource, began, provisioningState="Succeeded", statusCode=code)

    def fails(self, step: Step, resource: Document, began: str, status: int, error: Document) -> None:
        self.failed.add(step.key)
        self.errors.append(with_target(error, resource["id"]))
        code = httpx.codes.get_reason_phrase(status).replace(" ", "") or str(status)
        message = {"status": "Failed", "error": error}
        self.recorded(resource, began, provisioningState="Failed", statusCode=code, statusMessage=message)

    def recorded(self, resource: Document, began: str, **more: Any) -> None:
        self.records.put_operation(records.operation(self.document["id"], resource, began, **more))

    async def outputs(self) -> Document:
        """The values of the outputs. Raises OutputsError."""
        values, errors = {}, []
        for name, value in self.wanted.snapshot.outputs.items():
            try:
                values[name] = (await evaluated({"value": value}, self.answers, self.arm))["value"]
            except (ExpressionError, RefusedError) as error:
                message = f"The template output '{name}' is not valid: {error}."
                errors.append(
                    {"code": "DeploymentOutputEvaluationFailed", "target": name, "message": message}
                )
        if errors:
            raise OutputsError(errors)
        return values

    def failure(self, details: list[Document]) -> Document:
        id_ = self.document["id"]
        return {"code": "DeploymentFailed", "target": id_, "message": FAILED, "details": details}

    def canceled(self) -> bool:
        kept = self.records.get(self.document["id"])
        return kept is not None and kept["properties"]["provisioningState"] == "Canceling"

    def end(self, state: str, **more: Any) -> None:
        made = [{"id": each["id"]} for each in self.made]
        records.end(self.document, state, outputResources=made, **more)
        self.records.put(self.document)


def with_target(error: Document, resource: str) -> Document:
    """A resource's own error, which says whose it is."""
    target = error.get("target")
    if target is None or str(target).lower() == resource.lower():
        return {**error, "target": resource}
    own = {"code": error.get("code"), "message": error.get("message"), "target": resource}
    return {**own, "details": [error]}
