"""The errors of Azure Machine Learning.

Its management front end answers nearly every error of a caller with the code "UserError"; `details` give the
kind of error. Sources: error bodies in Azure/azure-sdk-for-python#41586 and #44114,
MicrosoftDocs/azure-docs#114151, and azure-ai-ml's `_artifacts/_constants.py` (ASSET_PATH_ERROR). Where no
public error body is known, the kind and message are localcloud's own.
"""

from typing import Any

from localcloud.wire import AzureError


class MachineLearningError(AzureError):
    """An AzureError in the shape of the management front end: additionalInfo names the component."""

    def body(self) -> dict[str, Any]:
        component = {"type": "ComponentName", "info": {"value": "managementfrontend"}}
        return super().body() | {"additionalInfo": [component]}


def refused(kind: str, message: str, *, status: int = 400, target: str | None = None) -> MachineLearningError:
    """A UserError of one `kind`, the code that the SDK shows under "Exception Details"."""
    return MachineLearningError(
        status, "UserError", message, target=target, details=[{"code": kind, "message": message}]
    )


def not_found(what: str, name: str) -> MachineLearningError:
    return refused("NotFound", f"{what} '{name}' was not found in the workspace.", status=404, target=name)


def busy(what: str, name: str, state: str) -> MachineLearningError:
    """An AzureError 409: another operation on the same resource is still running."""
    return refused(
        "ResourceOperationInProgress",
        f"{what} '{name}' is {state}: wait until its operation has ended, then try again.",
        status=409,
        target=name,
    )


def invalid(message: str, target: str | None = None) -> MachineLearningError:
    return refused("RequestInvalid", message, target=target)
