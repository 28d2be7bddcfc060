"""The statuses of a job."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from localcloud.machinelearning.jobs import KIND, Jobs
from localcloud.machinelearning.uris import Workspace
from localcloud.store import Store


@pytest.fixture
def jobs(tmp_path: Path, workspace: Workspace) -> Iterator[Jobs]:
    store = Store(tmp_path / "cloud.sqlite")
    store.put(KIND, "one", {"name": "one", "status": "NotStarted", "error": None})
    yield Jobs(store, workspace)
    store.close()


def status(jobs: Jobs) -> str:
    return str(jobs.get("one")["status"])


def test_a_job_that_has_ended_stays_as_it_ended(jobs: Jobs) -> None:
    jobs.move("one", "Failed", error="why")
    jobs.move("one", "Completed")
    assert (status(jobs), jobs.get("one")["error"]) == ("Failed", "why")


def test_a_job_that_is_to_be_cancelled_does_not_go_on(jobs: Jobs) -> None:
    jobs.move("one", "CancelRequested")
    jobs.move("one", "Running")
    assert status(jobs) == "CancelRequested"
    jobs.move("one", "Canceled")
    assert status(jobs) == "Canceled"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Queued", "Failed"),
        ("Running", "Failed"),
        ("CancelRequested", "Canceled"),
        ("Completed", "Completed"),
    ],
)
def test_a_restart_ends_a_job_that_had_not_ended(jobs: Jobs, before: str, after: str) -> None:
    jobs.move("one", before)
    jobs.end_interrupted()
    assert status(jobs) == after
