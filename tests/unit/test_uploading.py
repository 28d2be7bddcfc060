"""Each way of uploading in docs/data.md: its event passes the filter and the function, or neither."""

import re
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st
from localcloud.eventgrid.events import Event

from tests.checkout import CHECKOUT
from tests.unit.subscriptions import CONTAINER, subscriptions
from touchdown.local.names import STORAGE_ID
from triggers.events import CREATED, UNFINISHED_WRITES, UnusableEventError, created

DOCUMENT = (CHECKOUT / "docs" / "data.md").read_text()
COLUMNS = ["way", "writes", "event", "runs", "what to do"]
UNDOCUMENTED = "a name that is not documented"
PARSED = subscriptions()
SUBJECTS = {
    "datasets": f"/blobServices/default/containers/{CONTAINER}/blobs/datasets/iris.csv",
    "models": f"/blobServices/default/containers/{CONTAINER}/blobs/runs/r/0/m/artifacts/model/MLmodel",
}


def ways() -> list[dict[str, str]]:
    """The rows of the table."""
    section = DOCUMENT.partition("## Ways of uploading\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == COLUMNS
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows[2:]]


def events_of(way: dict[str, str]) -> list[dict[str, Any]]:
    """The data of the events that a way of uploading may raise."""
    said = way["event"]
    names = re.findall(r"`(\w+)`", said) + [UNDOCUMENTED] * ("not documented" in said)
    return [{"api": name, "contentLength": 0 if "empty" in said else 4551} for name in names]


def delivered(data: dict[str, Any], subscription: str = "datasets") -> bool:
    """Whether the filter lets the event of a write pass. It passes its own subscription only."""
    event = Event("1", STORAGE_ID, SUBJECTS[subscription], CREATED, "2026-01-01T00:00:00Z", data)
    passed = [each.name for each in PARSED if each.filter.matches(event)]
    assert passed in ([], [subscription])
    return bool(passed)


def followed(data: dict[str, Any], subscription: str = "datasets") -> bool:
    """Whether the function acts on the event of a write."""
    event = func.EventGridEvent(
        id="1",
        data=data | {"eTag": "0x1"},
        topic=STORAGE_ID,
        subject=SUBJECTS[subscription],
        event_type=CREATED,
        event_time=None,
        data_version="",
    )
    try:
        created(event)
    except UnusableEventError:
        return False
    return True


@pytest.mark.parametrize("way", ways(), ids=lambda way: way["way"][:30])
def test_a_way_of_uploading_has_the_run_that_the_documentation_says(way: dict[str, str]) -> None:
    events = events_of(way)
    assert events or way["event"].startswith("none"), "the table names the event or says that there is none"
    assert {delivered(data) for data in events} <= {way["runs"] == "one"}
    assert {followed(data) for data in events} <= {way["runs"] == "one"}
    assert way["runs"] in ("one", "none")
    assert way["runs"] == "one" if events and "empty" not in way["event"] else way["what to do"]


def test_every_usual_way_of_uploading_is_in_the_table() -> None:
    text = " ".join(way["way"] for way in ways())
    for name in (
        *("portal", "Storage Explorer", "az storage blob upload", "azcopy", "SDKs", "adlfs", "pandas"),
        *("Data Factory", "SFTP", "dfs", "object replication", "append blob", "metadata"),
    ):
        assert name in text, name


def test_the_documentation_names_the_writes_that_are_left_out() -> None:
    left_out = DOCUMENT.partition("## Ways of uploading")[2].partition("\n|")[0]
    assert set(re.findall(r"`(\w+)`", left_out)) >= UNFINISHED_WRITES


API = st.text(max_size=12) | st.sampled_from(["PutBlob", "CreateFile", "sftpcreate", UNDOCUMENTED])
WRITES = st.fixed_dictionaries({}, optional={"api": API, "contentLength": st.integers(-1, 2) | st.none()})


@given(data=WRITES, subscription=st.sampled_from(sorted(SUBJECTS)))
def test_filter_and_function_follow_the_same_writes(data: dict[str, Any], subscription: str) -> None:
    assert delivered(data, subscription) is followed(data, subscription)


def test_the_filters_leave_room_within_the_limits_of_event_grid() -> None:
    """25 filters, and 25 values in all, half of which are left. Source: "Understand event filtering"."""
    for each in PARSED:
        assert len(each.filter.advanced) <= 5
        assert sum(len(one.values) for one in each.filter.advanced) <= 12
