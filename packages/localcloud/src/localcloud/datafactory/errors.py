"""How Data Factory refuses a request, and how an activity fails: its codes, one class per reason.

The numbers of failed activities are documented; of the codes of refused requests only some are, and
clients do well to go by the status. Source: "Data Factory REST API", CloudError; "Troubleshoot Azure Data
Factory", custom activities.
"""

from localcloud.wire import AzureError


class FactoryNotFoundError(AzureError):
    """The path names a factory that does not exist: Resource Manager itself answers."""

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
    """The request, or the definition in it, is wrong. target: the activity or parameter that is."""

    def __init__(self, message: str, target: str | None = None) -> None:
        super().__init__(400, "BadRequest", message, target=target)


class InvalidName(BadRequestError):
    """A resource name that the factory does not take."""

    def __init__(self, kind: str, name: str, rule: str) -> None:
        super().__init__(f"{name!r} is no valid name of a {kind}: {rule}.", target=name)


class InvalidReference(BadRequestError):
    """A definition names a linked service that is not there."""

    def __init__(self, name: str, target: str) -> None:
        super().__init__(f"'{target}' refers to the linked service '{name}', which does not exist.", target)


class Referenced(BadRequestError):
    """What another document still refers to cannot be deleted."""

    def __init__(self, name: str, by: str) -> None:
        super().__init__(f"The document '{name}' cannot be deleted: '{by}' refers to it.", name)


class PreconditionFailedError(AzureError):
    """If-Match named another version of the resource."""

    def __init__(self, name: str) -> None:
        super().__init__(412, "PreconditionFailed", f"'{name}' was changed since: its ETag is another one.")


class ActivityFailedError(Exception):
    """An activity that failed, with the service's error code and whatever output it has nevertheless."""

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
