"""How a run goes wrong.

    RunError
    ├── RefusedError    will never go away by itself: bad data, 400, 403; ends the run, is not retried
    └── TransientError      may pass: throttling, a lost connection, 5xx; retried with back-off

Exception classes do not cross from an activity to the orchestrator, and how the host words a failure
is its own affair. So a refusal crosses as a value (see activities.registration), and only faults are raised.
"""


class RunError(Exception):
    """Something that keeps a run from going on; the text is a sentence for the person who uploaded."""


class RefusedError(RunError):
    """`code` names the cause for programs, the text says what happened, to what, and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TransientError(RunError):
    """A call that failed and may succeed when it is made again."""
