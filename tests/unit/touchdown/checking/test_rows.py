"""A failed first run is told as the row of docs/deploy.md that says what to do."""

import json
import re

import pytest

from runs import remedies
from tests.checkout import CHECKOUT
from touchdown.checking import app, events, quotas, roles
from touchdown.checking.rows import (
    FUNCTIONS,
    HOST,
    NO_NODES,
    NO_RUN,
    NONE_LISTED,
    ROWS,
    SOME_LISTED,
    row_of,
    row_of_run,
)

DOCUMENT = (CHECKOUT / "docs" / "deploy.md").read_text(encoding="utf-8")


def cells(title: str) -> list[str]:
    """The first cells of the table below a heading."""
    section = DOCUMENT.partition(f"\n### {title}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    table = re.findall(r"^\| (.+?) \| ", section, re.MULTILINE)
    return [cell for cell in table if cell not in ("what you see", "---")]


TABLES = {"Functions that are not listed": FUNCTIONS, "First runs that fail": ROWS}


@pytest.mark.parametrize("title", TABLES)
def test_the_rows_are_those_of_the_document_in_its_words(title: str) -> None:
    assert sorted(row.cell for row in TABLES[title]) == sorted(cells(title))


def test_each_check_names_a_row_that_is_there() -> None:
    known = {row.cell for rows in TABLES.values() for row in rows}
    named = {events.NO_RUN, quotas.NO_BATCH_CORES, quotas.NO_CLUSTER_CORES, roles.EMPTY_USER_LOG}
    assert named <= known


def test_the_oldest_bundle_is_that_of_host_json() -> None:
    asked = json.loads((CHECKOUT / "host.json").read_text(encoding="utf-8"))["extensionBundle"]
    assert asked["id"] == app.BUNDLE
    assert asked["version"].startswith(f"[{'.'.join(map(str, app.OLDEST_BUNDLE))}, ")


@pytest.mark.parametrize(
    ("code", "message", "cell"),
    [
        (HOST, app.NO_BUNDLE, "`Bundle version matching"),
        (HOST, "Bundle version matching the [4.37.1, 5.0.0) was not found", "`Bundle version matching"),
        (HOST, app.TOO_OLD, "errors with `durableRequiresGrpc`"),
        (HOST, 'Status(StatusCode="Unimplemented")', "errors with `durableRequiresGrpc`"),
        (HOST, "Could not create BlobServiceClient for ScriptHost", "`Could not create BlobServiceClient`"),
        (HOST, "python exited with code 139 (0x8B)", "`exited with code 139`"),
        (HOST, "ModuleNotFoundError: No module named 'pandas'", "no function is listed, and the log names"),
        (HOST, "it gives no reason", ""),
        (NONE_LISTED, "", "no function is listed, and the log has no error"),
        (SOME_LISTED, "", "some functions are listed"),
    ],
)
def test_what_the_host_says_is_its_row(code: str, message: str, cell: str) -> None:
    assert row_of(code, message).startswith(cell)
    assert bool(row_of(code, message)) == bool(cell)


QUOTA = (
    "ClusterMinNodesExceedCoreQuota: The specified subscription has a dedicated core quota of 0 for"
    " STANDARDDSV2FAMILY which cannot accomodate for at least 1 requested managed compute nodes."
)


@pytest.mark.parametrize(
    ("code", "stage", "message", "cell"),
    [
        (NO_RUN, "", "", "there is no run"),
        (
            "TrainingFailed",
            "wait",
            "activity Train failed: 2505: Cannot create Shared Access Signature unless Account Key"
            " credentials are used",
            "`TrainingFailed`, 2505",
        ),
        (
            "TrainingFailed",
            "wait",
            "2502: Cannot access user storage account. Key based authentication is not permitted on this"
            " storage account.",
            "`TrainingFailed`, 2502",
        ),
        (NO_NODES, "wait", "pool trainers has no node.", "`wait` for more than 30 minutes"),
        (
            NO_NODES,
            "wait",
            "AccountCoreQuotaReached: The specified account has reached core quota",
            "`wait` for",
        ),
        ("TrainingTimedOut", "wait", "the nodes are startTaskFailed", "nodes in `startTaskFailed`, anything"),
        (
            "TrainingFailed",
            "wait",
            "set: pipefail\r: invalid option name",
            r"nodes in `startTaskFailed`, `set",
        ),
        ("ProvisioningFailed", "ensure_compute", QUOTA, "`ProvisioningFailed` at `ensure_compute`"),
        ("SmokeTestFailed", "smoke_test", "TasksOperationsNotAllowed: ACR Tasks", "`SmokeTestFailed`, and"),
        ("SmokeTestFailed", "smoke_test", "status code: 42", "`SmokeTestFailed`, exit code 42"),
        ("SmokeTestFailed", "smoke_test", remedies.STORAGE_ROLES, "`SmokeTestFailed`, exit code 42"),
        (
            "TimedOut",
            "smoke_test",
            "get_smoke_test was not done after 120 minutes.",
            "`SmokeTestFailed` after two hours",
        ),
    ],
)
def test_an_error_is_its_row(code: str, stage: str, message: str, cell: str) -> None:
    assert row_of_run({"error": {"code": code, "stage": stage, "message": message}}).startswith(cell)


@pytest.mark.parametrize(
    ("code", "stage", "message"),
    [
        ("InvalidDataset", "inspect_dataset", "the file is empty"),
        ("ProvisioningFailed", "ensure_endpoint", QUOTA),
        ("TrainingFailed", "wait", "exit code 2"),
        ("TimedOut", "deploy_model", "get_operation was not done after 60 minutes."),
        ("", "", ""),
    ],
)
def test_an_error_of_no_row_is_told_without_one(code: str, stage: str, message: str) -> None:
    assert row_of(code, message, stage) == ""
