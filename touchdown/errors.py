"""The errors that the client raises.

ClientError
├── ApiError               an HTTP API answered with an error
├── NotFoundError          what was asked for does not exist, or does not exist yet
├── StackNotRunningError   nothing listens at the target's address
└── WaitTimedOutError      a run or job did not reach the expected state in time
"""

from typing import Any


class ClientError(Exception):
    """The client could not do what it was asked; the message says why."""


class ApiError(ClientError):
    """An HTTP API answered with an error.

    status is the HTTP status, code the error code in the body ("" without one), body the whole JSON body
    ({} if the body is not JSON), retry_after the seconds after which to try again, if the API told some.
    """

    def __init__(
        self, status: int, code: str, message: str, body: dict[str, Any], retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.code = code
        self.body = body


class NotFoundError(ClientError):
    """What was asked for does not exist, or does not exist yet."""


class StackNotRunningError(ClientError):
    """Nothing listens at the target's address."""


class WaitTimedOutError(ClientError):
    """A run or job did not reach the expected state in time."""
