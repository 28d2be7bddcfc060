"""The errors of a run.

    RunError
    ├── RefusedError      permanent: bad data, 400, 403; ends the run and is not retried
    └── TransientError    may pass: throttling, a lost connection, 5xx; retried with back-off

Exceptions of an activity reach the orchestrator only as text, which each host words in its own way. So a
refusal is returned as a value (see activities.registration), and only transient errors are raised.
"""


class RunError(Exception):
    """An error that stops a run. Its text is a message for the person who uploaded the dataset."""


class RefusedError(RunError):
    """`code` names the cause for programs; the text says what happened, to what, and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TransientError(RunError):
    """A call failed and may succeed if it is made again."""
