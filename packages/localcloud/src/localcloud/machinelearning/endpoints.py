"""Batch endpoints and their deployments.

Sources: "Batch Endpoints - Create Or Update", "Batch Deployments - Create Or Update"; azure-ai-ml 1.35
`entities/_endpoint/batch_endpoint.py`, `entities/_deployment/batch_deployment.py`; "Manage quotas".
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from localcloud.faults import Faults
from localcloud.home import REGION, TENANT, Home
from localcloud.machinelearning import names
from localcloud.machinelearning.computes import Computes
from localcloud.machinelearning.errors import busy, invalid, not_found, refused
from localcloud.machinelearning.models import Models
from localcloud.machinelearning.provisioning import IN_PROGRESS, Change, Provisioned, state_of, written_by
from localcloud.machinelearning.uris import PROVIDER, BlobPath, Workspace
from localcloud.regions import region_of
from localcloud.store import Document, Store
from localcloud.tokens import Caller
from localcloud.wire import not_imitated

ENDPOINTS = "machinelearning.endpoint"
DEPLOYMENTS = "machinelearning.deployment"
DEPLOYMENTS_PER_ENDPOINT = 20

Verify = Callable[[BlobPath], Awaitable[None]]
"""Raises AzureError if the model folder at a blob path cannot be deployed."""

SETTINGS: dict[str, Any] = {
    "miniBatchSize": 10,
    "maxConcurrencyPerInstance": 1,
    "outputAction": "AppendRow",
    "outputFileName": "predictions.csv",
    "loggingLevel": "Info",
    "errorThreshold": -1,
}
"""Azure's defaults of a deployment."""
RETRIES: dict[str, Any] = {"maxRetries": 3, "timeout": "PT30S"}
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


class Endpoints:
    """The batch endpoints of the workspace, with their deployments."""

    def __init__(
        self,
        store: Store,
        faults: Faults,
        workspace: Workspace,
        models: Models,
        computes: Computes,
        verify: Verify,
        home: Home,
    ) -> None:
        self._workspace = workspace
        self.endpoints = Provisioned(store, faults, kind=ENDPOINTS, point="endpoint", noun="Endpoint")
        self.deployments = Provisioned(store, faults, kind=DEPLOYMENTS, point="deployment", noun="Deployment")
        self._models = models
        self._computes = computes
        self._verify = verify
        self._home = home

    def get(self, name: str) -> Document:
        document = self.endpoints.find(name.lower())
        if document is None:
            raise not_found("The batch endpoint", name)
        return document

    def put(self, name: str, body: Document, caller: Caller) -> Change:
        """Create an endpoint or replace all of it: tags, description and default are removed if not sent.

        Raises AzureError 400 for a body that Azure refuses, 409 while an operation on it is running.
        """
        name = names.endpoint_name(name)
        sent = body.get("properties") or {}
        if str(sent.get("authMode", "aadToken")).lower() != "aadtoken":
            raise invalid("Batch endpoints support authMode 'aadToken' only.", "authMode")
        tags = names.checked_tags(body.get("tags"))
        earlier = self.endpoints.idle(name)
        location = str(body.get("location") or REGION)
        document: Document = {
            "id": self._workspace.endpoint_id(name),
            "name": name,
            "type": f"{PROVIDER}/workspaces/batchEndpoints",
            "location": location,
            "tags": tags,
            "identity": {"type": "SystemAssigned", "tenantId": TENANT},
            "properties": {
                "description": sent.get("description"),
                "authMode": "AADToken",
                "properties": sent.get("properties") or {},
                "defaults": self._defaults(name, sent.get("defaults")),
                "scoringUri": f"https://{self._home.scoring_host(name, region_of(location))}/jobs",
                "swaggerUri": None,
            },
            "systemData": written_by(caller, earlier),
        }

        async def default_is_still_there() -> None:
            self._defaults(name, document["properties"]["defaults"])

        return self.endpoints.change(name, document, check=default_is_still_there)

    def patch(self, name: str, body: Document, caller: Caller) -> Document:
        """Change the tags of an endpoint; a PATCH may change nothing else."""
        return _retagged(self.endpoints, self.get(name), name.lower(), body, caller)

    def delete(self, name: str) -> Change | None:
        """Delete an endpoint and its deployments; returns None if it does not exist.

        Raises AzureError 409 while an operation on one of them is running.
        """
        name = name.lower()
        if self.endpoints.find(name) is None:
            return None
        for deployment in self.deployments.list(f"{name}/"):
            self.deployments.idle(f"{name}/{deployment['name']}")

        def deployments_too() -> None:
            for deployment in self.deployments.list(f"{name}/"):
                self.deployments.store.delete(DEPLOYMENTS, f"{name}/{deployment['name']}")

        return self.endpoints.remove(name, also=deployments_too)

    def deployment(self, endpoint: str, name: str) -> Document:
        document = self.deployments.find(f"{endpoint.lower()}/{name.lower()}")
        if document is None:
            raise not_found(f"The deployment of endpoint '{endpoint}'", name)
        return document

    def deployments_of(self, endpoint: str) -> list[Document]:
        """Return an endpoint's deployments, oldest first. Raises AzureError 404 for an unknown endpoint."""
        self.get(endpoint)
        return self.deployments.list(f"{endpoint.lower()}/")

    def put_deployment(self, endpoint: str, name: str, body: Document, caller: Caller) -> Change:
        """Create or replace a deployment of a registered model.

        The operation fails if the model's folder cannot be deployed. Raises AzureError 400 for a body that
        Azure refuses at once, 404 for an unknown endpoint, 409 while an operation on the deployment is
        running or one that creates or deletes the endpoint, 501 for a deployment with code or of a pipeline.
        """
        name = names.endpoint_name(name)
        parent = self.get(endpoint)
        endpoint = str(parent["name"])
        if state_of(parent) in ("Creating", "Deleting"):
            raise busy("Endpoint", endpoint, state_of(parent))
        sent = body.get("properties") or {}
        tags = names.checked_tags(body.get("tags"))
        properties = _settings(sent)
        model = self._model(sent)
        compute = self._compute(sent)
        earlier = self.deployments.idle(f"{endpoint}/{name}")
        if earlier is None and len(self.deployments.list(f"{endpoint}/")) >= DEPLOYMENTS_PER_ENDPOINT:
            raise refused(
                "QuotaExceeded",
                f"Endpoint '{endpoint}' has {DEPLOYMENTS_PER_ENDPOINT} deployments, the most it may have:"
                " delete one first.",
                target="deployments",
            )
        document: Document = {
            "id": f"{self._workspace.endpoint_id(endpoint)}/deployments/{name}",
            "name": name,
            "type": f"{PROVIDER}/workspaces/batchEndpoints/deployments",
            "location": body.get("location") or REGION,
            "tags": tags,
            "properties": properties
            | {"model": {"referenceType": "Id", "assetId": model["id"]}, "compute": compute["id"]},
            "systemData": written_by(caller, earlier),
        }
        folder = self._workspace.blob_path(model["properties"]["modelUri"])
        return self.deployments.change(f"{endpoint}/{name}", document, check=lambda: self._verify(folder))

    def patch_deployment(self, endpoint: str, name: str, body: Document, caller: Caller) -> Document:
        """Change the tags and the description of a deployment; a PATCH may change nothing else."""
        id_ = f"{endpoint.lower()}/{name.lower()}"
        return _retagged(self.deployments, self.deployment(endpoint, name), id_, body, caller)

    def delete_deployment(self, endpoint: str, name: str) -> Change | None:
        """Delete a deployment; returns None if it does not exist. Raises AzureError 400 for the default."""
        id_ = f"{endpoint.lower()}/{name.lower()}"
        if self.deployments.find(id_) is None:
            return None
        default = (self.get(endpoint)["properties"]["defaults"] or {}).get("deploymentName")
        if default == name.lower():
            raise refused(
                "DefaultDeploymentDeletion",
                f"Deployment '{name}' is the default of endpoint '{endpoint}' and cannot be deleted:"
                " make another the default first.",
                target=name,
            )
        return self.deployments.remove(id_)

    def scored_by(self, endpoint: str, deployment: str | None) -> Document:
        """Return the deployment for an invocation: the one it names, or else the default.

        Raises AzureError 404 for an unknown endpoint or deployment, 400 if there is neither a name nor a
        default or the deployment is not Succeeded, 409 while the endpoint is being created or deleted.
        """
        document = self.get(endpoint)
        if state_of(document) in ("Creating", "Deleting"):
            raise busy("Endpoint", endpoint, state_of(document))
        name = deployment or (document["properties"]["defaults"] or {}).get("deploymentName")
        if not name:
            raise refused(
                "NoDefaultDeployment",
                f"No default deployment is set for endpoint '{endpoint}': name one in the header"
                " azureml-model-deployment, or set defaults.deploymentName.",
                target=endpoint,
            )
        document = self.deployment(endpoint, name)
        if state_of(document) not in ("Succeeded", "Updating"):
            raise refused(
                "DeploymentNotReady",
                f"Deployment '{name}' of endpoint '{endpoint}' is {state_of(document)}, not Succeeded.",
                target=name,
            )
        return document

    def end_interrupted(self) -> None:
        self.endpoints.end_interrupted()
        self.deployments.end_interrupted()
        for deployment in self.deployments.list():
            endpoint, _, name = (
                deployment["id"].removeprefix(self._workspace.endpoint_id("")).partition("/deployments/")
            )
            if self.endpoints.find(endpoint) is None:
                self.deployments.store.delete(DEPLOYMENTS, f"{endpoint}/{name}")

    def _defaults(self, endpoint: str, sent: Any) -> Document | None:
        name = str((sent or {}).get("deploymentName") or "").lower()
        if not name:
            return None
        found = self.deployments.find(f"{endpoint}/{name}")
        if found is None or state_of(found) == "Deleting":
            raise refused(
                "DefaultDeploymentNotFound",
                f"The default deployment '{name}' does not exist on endpoint '{endpoint}'.",
                target="defaults.deploymentName",
            )
        return {"deploymentName": name}

    def _model(self, sent: Document) -> Document:
        asset = (sent.get("model") or {}).get("assetId")
        if not isinstance(asset, str):
            raise refused("RequestInvalid", "The AssetId field is required.", target="model")
        reference = self._workspace.model_reference(asset)
        if reference.label and reference.label.lower() != "latest":
            raise invalid(f"The label '{reference.label}' is unknown: only 'latest' is.", "model")
        model = (
            self._models.version(reference.name, reference.version)
            if reference.version
            else self._models.latest(reference.name)
        )
        if model["properties"]["modelType"] != "mlflow_model":
            raise invalid(
                f"Model '{reference.name}' is a {model['properties']['modelType']}: a deployment without code"
                " needs an mlflow_model.",
                "model",
            )
        return model

    def _compute(self, sent: Document) -> Document:
        asset = sent.get("compute")
        if not isinstance(asset, str):
            raise invalid("properties.compute is missing.", "compute")
        compute = self._computes.get(self._workspace.compute_reference(asset))
        if state_of(compute) != "Succeeded":
            raise refused(
                "ComputeNotReady",
                f"Compute '{compute['name']}' is {state_of(compute)}, not Succeeded.",
                target="compute",
            )
        return compute


def _settings(sent: Document) -> Document:
    """Return the deployment's own properties, checked and with Azure's defaults."""
    for key in ("codeConfiguration", "environmentId", "deploymentConfiguration"):
        if sent.get(key):
            raise not_imitated(f"batch deployments with {key}: only MLflow models without code are deployed")
    settings = SETTINGS | {key: sent[key] for key in SETTINGS if sent.get(key) is not None}
    for key, least in (("miniBatchSize", 1), ("maxConcurrencyPerInstance", 1), ("errorThreshold", -1)):
        if not isinstance(settings[key], int) or settings[key] < least:
            raise invalid(f"properties.{key} must be a whole number, at least {least}.", key)
    if str(settings["outputAction"]).lower() != "appendrow":
        raise not_imitated(f"the output action {settings['outputAction']}: AppendRow only")
    names.file_name(str(settings["outputFileName"]))
    retries = RETRIES | {
        key: value for key, value in (sent.get("retrySettings") or {}).items() if value is not None
    }
    if not isinstance(retries["maxRetries"], int) or retries["maxRetries"] < 0:
        raise invalid(
            "properties.retrySettings.maxRetries must be a whole number, at least 0.", "retrySettings"
        )
    seconds(str(retries["timeout"]))
    instances = (sent.get("resources") or {}).get("instanceCount") or 1
    if not isinstance(instances, int) or instances < 1:
        raise invalid("properties.resources.instanceCount must be a whole number, at least 1.", "resources")
    return settings | {
        "description": sent.get("description"),
        "properties": sent.get("properties") or {},
        "environmentVariables": _environment(sent.get("environmentVariables") or {}),
        "retrySettings": retries,
        "resources": {"instanceCount": instances},
    }


def _environment(variables: Any) -> dict[str, str]:
    named = isinstance(variables, dict) and all(VARIABLE.fullmatch(str(name)) for name in variables)
    if not named or not all(isinstance(text, str) and "\0" not in text for text in variables.values()):
        raise invalid("properties.environmentVariables must map names to texts.", "environmentVariables")
    return dict(variables)


def seconds(duration: str) -> float:
    """Return the seconds of an ISO 8601 duration of days, hours, minutes, seconds. Raises AzureError 400."""
    found = DURATION.fullmatch(duration)
    if found is None or duration in ("P", "PT"):
        raise invalid(f"'{duration}' is not a duration such as PT30S.", "retrySettings.timeout")
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + rest


def _retagged(
    resources: Provisioned, document: Document, id_: str, body: Document, caller: Caller
) -> Document:
    if state_of(document) in IN_PROGRESS:
        raise busy(resources.noun, id_, state_of(document))
    changed = document | {"systemData": written_by(caller, document)}
    if "tags" in body:
        changed["tags"] = names.checked_tags(body["tags"])
    description = (body.get("properties") or {}).get("description")
    if description is not None and resources.kind == DEPLOYMENTS:
        changed["properties"] = document["properties"] | {"description": description}
    resources.store.put(resources.kind, id_, changed)
    return changed
