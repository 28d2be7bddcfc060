"""Data Factory's errors: one class per reason why a request is refused or an activity fails.

The error numbers of failed activities are documented. Only some of the error codes of refused requests are,
so clients should rely on the status. Source: "Data Factory REST API", CloudError; "Troubleshoot Azure Data
Factory", custom activities.
"""

from localcloud.wire import AzureError


class FactoryNotFoundError(AzureError):
    """The path names a factory that does not exist; in Azure, Resource Manager itself answers this."""

    def __init__(self, factory: str, group: str) -> None:
        message = (
            f"The Resource 'Microsoft.DataFactory/factories/{factory}' under resource group"
            f" '{group}' was not found."
        )
        super().__init__(404, "ResourceNotFound", message)


class EntityNotFoundError(AzureError):
    """A pipeline, linked service or run that the factory does not have."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(404, "EntityNotFound", f"The {kind} '{name}' was not found in the factory.")


class BadRequestError(AzureError):
    """The request or its definition is invalid. target: the activity or parameter at fault."""

    def __init__(self, message: str, target: str | None = None) -> None:
        super().__init__(400, "BadRequest", message, target=target)


class InvalidNameError(BadRequestError):
    """The factory does not accept the resource's name."""

    def __init__(self, kind: str, name: str, rule: str) -> None:
        super().__init__(f"{name!r} is no valid name of a {kind}: {rule}.", target=name)


class InvalidReferenceError(BadRequestError):
    """A definition refers to a linked service or a credential that does not exist."""

    def __init__(self, name: str, target: str) -> None:
        message = f"The document creation or update failed because of invalid reference '{name}'."
        super().__init__(f"{message} '{target}' refers to it.", target)


class ReferencedError(BadRequestError):
    """The resource cannot be deleted because another one still refers to it."""

    def __init__(self, name: str, by: str) -> None:
        super().__init__(f"The document '{name}' cannot be deleted: '{by}' refers to it.", name)


class PreconditionFailedError(AzureError):
    """If-Match names another version of the resource."""

    def __init__(self, name: str) -> None:
        super().__init__(412, "PreconditionFailed", f"'{name}' was changed since: its ETag is another one.")


class ActivityFailedError(Exception):
    """An activity failed. code: the service's error code. output: what the activity has produced anyway."""

    def __init__(
        self,
        code: str,
        message: str,
        failure_type: str = "UserError",
        output: dict[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.failure_type = failure_type
        self.output = output or {}
