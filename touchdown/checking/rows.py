"""Which row of docs/deploy.md a failure is, by the first cells of two of its tables.

FUNCTIONS: "Functions that are not listed". ROWS: "First runs that fail".
tests/unit/touchdown/checking/test_rows.py compares the cells with the document.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from runs import remedies
from touchdown.connection import Json

NO_RUN = "NoRun"
"""The code of a run that did not start."""
NO_NODES = "NoNodes"
"""The code of a training that waits for nodes that do not come."""


HOST = "Host"
"""The code of what the Functions host says of itself."""
NONE_LISTED = "NoneListed"
SOME_LISTED = "SomeListed"


@dataclass(frozen=True)
class Row:
    """A row for errors with one of these codes, at this stage ("": any), with such a message."""

    cell: str
    codes: tuple[str, ...]
    holds: Callable[[str], bool] = lambda _: True
    stage: str = ""

    def is_for(self, code: str, message: str, stage: str) -> bool:
        return code in self.codes and self.stage in ("", stage) and self.holds(message)


def says(pattern: str) -> Callable[[str], bool]:
    return lambda message: re.search(pattern, message, re.IGNORECASE) is not None


def needs(remedy: str) -> Callable[[str], bool]:
    return lambda message: remedies.remedy(message) == remedy


def driver_failed(message: str) -> bool:
    return remedies.is_driver_failure(message) or remedies.STORAGE_ROLES in message


FUNCTIONS = (
    Row(
        "`Bundle version matching the [4.37.1, 5.0.0) was not found`",
        (HOST,),
        says("Bundle version matching .* was not found"),
    ),
    Row(
        "errors with `durableRequiresGrpc` or gRPC `Unimplemented`; orchestrations never start",
        (HOST,),
        says("durableRequiresGrpc|Unimplemented"),
    ),
    Row(
        "`Could not create BlobServiceClient`, `Unable to find matching constructor`; the API answers 401 now"
        " and then",
        (HOST,),
        says("Could not create BlobServiceClient|Unable to find matching constructor"),
    ),
    Row("`exited with code 139` of the Python worker", (HOST,), says("exited with code 139")),
    Row(
        "no function is listed, and the log names a Python error",
        (HOST,),
        says(r"\bTraceback\b|\w+Error: |No module named|No job functions found"),
    ),
    Row("some functions are listed", (SOME_LISTED,)),
    Row("no function is listed, and the log has no error", (NONE_LISTED,)),
)
"""In order: of several that hold, the first counts."""
ROWS = (
    Row("there is no run", (NO_RUN,)),
    Row(
        "`TrainingFailed`, 2505: "
        '"Cannot create Shared Access Signature unless Account Key credentials are used"',
        ("TrainingFailed",),
        says(r"\b2505\b|Cannot create Shared Access Signature"),
    ),
    Row(
        '`TrainingFailed`, 2502: "Key based authentication is not permitted on this storage account"',
        ("TrainingFailed",),
        says("KeyBasedAuthenticationNotPermitted|Key based authentication is not permitted"),
    ),
    Row(
        r"nodes in `startTaskFailed`, `set: pipefail\r: invalid option name`",
        ("TrainingFailed", "TrainingTimedOut", NO_NODES),
        says(r"pipefail.*invalid option name"),
    ),
    Row(
        "nodes in `startTaskFailed`, anything else",
        ("TrainingFailed", "TrainingTimedOut", NO_NODES),
        says("start ?task ?failed|trainer/bin/python.*no such file|no such file.*trainer/bin/python"),
    ),
    Row("`wait` for more than 30 minutes, and the pool has no nodes", (NO_NODES, "TrainingTimedOut")),
    Row(
        "`ProvisioningFailed` at `ensure_compute`, `ClusterMinNodesExceedCoreQuota`",
        ("ProvisioningFailed",),
        needs(remedies.QUOTA),
        stage="ensure_compute",
    ),
    Row(
        "`SmokeTestFailed`, and the image's build says `TasksOperationsNotAllowed`",
        ("SmokeTestFailed", "ProvisioningFailed"),
        needs(remedies.TASKS),
    ),
    Row("`SmokeTestFailed`, exit code 42 and an empty user log", ("SmokeTestFailed",), driver_failed),
    Row("`SmokeTestFailed` after two hours", ("TimedOut",), stage="smoke_test"),
)
"""In order, too."""


def row_of(code: str, message: str = "", stage: str = "") -> str:
    """The cell of the row for an error, or ""."""
    return next((row.cell for row in (*FUNCTIONS, *ROWS) if row.is_for(code, message, stage)), "")


def row_of_run(run: Json) -> str:
    """The cell of the row for a run that failed, or ""."""
    error = run.get("error") or {}
    return row_of(str(error.get("code", "")), str(error.get("message", "")), str(error.get("stage", "")))
