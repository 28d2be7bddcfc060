"""Deployments of one cloud: begin them, look at them, cancel and delete them."""

import asyncio

from starlette.types import ASGIApp

from localcloud.deployments import records, resource_manager
from localcloud.deployments.answers import Answers
from localcloud.deployments.ordering import SnapshotError, Step, steps
from localcloud.deployments.records import ACTIVE, Records
from localcloud.deployments.requests import Wanted
from localcloud.deployments.running import Run
from localcloud.deployments.syntax import ExpressionError
from localcloud.deployments.templates import shown_parameters, template_hash
from localcloud.deployments.tracing import Document
from localcloud.home import TENANT
from localcloud.regions import region_of
from localcloud.service import Cloud
from localcloud.tokens import Caller
from localcloud.wire import AzureError


class Deployments:
    """Azure's errors are raised as AzureError."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.records = Records(cloud.store)

    async def begin(
        self, app: ASGIApp, caller: Caller, authorization: str, wanted: Wanted
    ) -> tuple[Document, asyncio.Task[None]]:
        """Begin a deployment: its record, and the task that ends with it.

        app: Resource Manager. authorization: what the caller sent as this header, with which every resource
        is written. Raises AzureError 400 for a snapshot that cannot be deployed, 409 while another deployment
        of the name runs or where it lies in another location.
        """
        order = await self.check(wanted, caller)
        self._refuse_conflicts(wanted)
        document = records.begun(
            wanted.target.id,
            described(wanted),
            None if wanted.target.group else wanted.target.location,
            wanted.tags,
            {"template": wanted.template or None, "snapshotHash": wanted.snapshot.digest},
        )
        self.records.forget_operations(wanted.target.id)
        self.records.put(document)
        arm = resource_manager.client(app, self._cloud.home.resource_manager, authorization)
        answers = answers_for(wanted, caller)
        run = Run(self.records, document, order, wanted, answers, arm)
        return document, self._cloud.operations.spawn(run.run())

    async def check(self, wanted: Wanted, caller: Caller) -> list[Step]:
        """The resources in their order. Raises AzureError 400 if they have none."""
        answers = answers_for(wanted, caller)
        try:
            return await asyncio.to_thread(steps, wanted.snapshot.resources, answers)
        except (SnapshotError, ExpressionError) as error:
            message = f"Deployment template validation failed: '{error}'."
            raise AzureError(400, "InvalidTemplate", message) from None

    def get(self, id_: str) -> Document:
        """A deployment's record. Raises AzureError 404."""
        found = self.records.get(id_)
        if found is None:
            name = id_.rpartition("/")[2]
            raise AzureError(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
        return found

    def deployed(self, id_: str) -> str | None:
        """The digest of the snapshot that a deployment has deployed, or None.

        None also where something that it made does not exist any more: then it must be deployed again, as
        `azd up` would. What was changed since is not looked at.
        """
        found = self.records.get(id_)
        if found is None or not records.succeeded(found):
            return None
        whole = all(self._cloud.has(each["id"]) for each in found["properties"]["outputResources"])
        return str(found["kept"]["snapshotHash"]) if whole else None

    def cancel(self, id_: str) -> None:
        document = self.get(id_)
        state = document["properties"]["provisioningState"]
        if state not in ACTIVE:
            message = (
                f"The deployment '{document['name']}' cannot be cancelled because its provisioning state is"
                f" '{state}'."
            )
            raise AzureError(409, "DeploymentCannotBeCancelled", message)
        document["properties"]["provisioningState"] = "Canceling"
        self.records.put(document)

    def delete(self, id_: str) -> None:
        document = self.get(id_)
        if document["properties"]["provisioningState"] in ACTIVE:
            message = f"The deployment '{document['name']}' cannot be deleted while it is running: cancel it."
            raise AzureError(409, "DeploymentCannotBeDeleted", message)
        self.records.delete(id_)

    async def forget(self, group: Document) -> None:
        """Delete the deployments of a resource group, because the group is being deleted."""
        for each in self.records.all(group["id"]):
            self.records.delete(each["id"])

    def _refuse_conflicts(self, wanted: Wanted) -> None:
        name = wanted.target.name
        old = self.records.get(wanted.target.id)
        if old is None:
            return
        if old["properties"]["provisioningState"] in ACTIVE:
            began = old["kept"]["began"]
            message = (
                f"Unable to edit or replace deployment '{name}': previous deployment from '{began}' is still"
                " active. Please see https://aka.ms/arm-deploy for usage details."
            )
            raise AzureError(409, "DeploymentActive", message)
        location, place = wanted.target.location, old.get("location")
        if place and region_of(place) != region_of(location):
            message = (
                f"Invalid deployment location '{location}'. The deployment '{name}' already exists in"
                f" location '{place}'."
            )
            raise AzureError(409, "InvalidDeploymentLocation", message)


def answers_for(wanted: Wanted, caller: Caller) -> Answers:
    return Answers(
        wanted.target.subscription,
        wanted.target.group,
        {
            "objectId": caller.object_id,
            "tenantId": TENANT,
            "userPrincipalName": caller.name if caller.is_user else "",
        },
        {each["id"].lower(): each["apiVersion"] for each in wanted.snapshot.resources},
    )


def described(wanted: Wanted) -> Document:
    """What the properties of a deployment tell of its template."""
    found: Document = {
        "providers": records.providers_of(wanted.snapshot.resources),
        "dependencies": [],
        "parameters": shown_parameters(wanted.template, wanted.values),
    }
    return found | ({"templateHash": template_hash(wanted.template)} if wanted.template else {})
