"""Filters: which events match, and which filters Event Grid refuses."""

from typing import Any

import pytest
from localcloud.eventgrid.events import BLOB_CREATED, BLOB_DELETED, Event
from localcloud.eventgrid.filters import OPERATORS, Filter, InvalidFilterError

from localcloud_tests.resources import STORAGE_ID

SUBJECT = "/blobServices/default/containers/c/blobs/datasets/Iris.csv"


def event(subject: str = SUBJECT, type_: str = BLOB_CREATED, **data: Any) -> Event:
    return Event("e1", STORAGE_ID, subject, type_, "2026-11-23T00:00:00Z", data, "1")


def one(operator_type: str, key: str, value: Any = None) -> Filter:
    field = OPERATORS[operator_type].field
    advanced = {"operatorType": operator_type, "key": key} | ({field: value} if field else {})
    return Filter.parse({"advancedFilters": [advanced]})


def test_an_empty_filter_matches_everything() -> None:
    assert Filter.parse({}).matches(event())
    assert Filter.parse({}).matches(event("", BLOB_DELETED))


@pytest.mark.parametrize(
    ("begins", "ends", "sensitive", "expected"),
    [
        ("/blobServices/default/containers/c/blobs/datasets/", ".csv", True, True),
        ("/blobServices/default/containers/c/blobs/DATASETS/", ".CSV", False, True),
        ("/blobServices/default/containers/c/blobs/DATASETS/", ".csv", True, False),
        ("/blobServices/default/containers/c/blobs/datasets/*", "", False, False),
        ("/blobServices/default/containers/c/blobs/data", "", False, True),
        ("", ".*", False, False),
    ],
)
def test_subjects_are_compared_literally_and_by_case_only_when_asked(
    begins: str, ends: str, sensitive: bool, expected: bool
) -> None:
    body = {"subjectBeginsWith": begins, "subjectEndsWith": ends, "isSubjectCaseSensitive": sensitive}
    assert Filter.parse(body).matches(event()) is expected


def test_event_types_are_limited_to_those_included() -> None:
    only_created = Filter.parse({"includedEventTypes": [BLOB_CREATED]})
    assert only_created.matches(event())
    assert not only_created.matches(event(type_=BLOB_DELETED))
    assert Filter.parse({"includedEventTypes": None}).matches(event(type_=BLOB_DELETED))


@pytest.mark.parametrize(
    ("operator_type", "filter_value", "value", "expected"),
    [
        ("StringIn", ["putblob", "x"], "PutBlob", True),
        ("StringIn", ["y", "x"], "PutBlob", False),
        ("StringNotIn", ["PUTBLOB", "x"], "PutBlob", False),
        ("StringNotIn", ["y", "x"], "PutBlob", True),
        ("StringBeginsWith", ["x", "put"], "PutBlob", True),
        ("StringNotBeginsWith", ["x", "put"], "PutBlob", False),
        ("StringNotBeginsWith", ["x", "y"], "PutBlob", True),
        ("StringEndsWith", ["BLOB"], "PutBlob", True),
        ("StringNotEndsWith", ["BLOB"], "PutBlob", False),
        ("StringContains", ["tbl"], "PutBlob", True),
        ("StringNotContains", ["tbl"], "PutBlob", False),
        ("StringIn", ["1"], 1, False),
        ("NumberIn", [1, 2.5], 2.5, True),
        ("NumberIn", [1, 2.5], 3, False),
        ("NumberNotIn", [1, 2.5], 2.5, False),
        ("NumberNotIn", [1, 2.5], 3, True),
        ("NumberLessThan", 10, 9, True),
        ("NumberLessThan", 10, 10, False),
        ("NumberLessThanOrEquals", 10, 10, True),
        ("NumberGreaterThan", 0, 0, False),
        ("NumberGreaterThan", 0, 1, True),
        ("NumberGreaterThanOrEquals", 0, 0, True),
        ("NumberInRange", [[1, 2], [5, 6]], 5.5, True),
        ("NumberInRange", [[1, 2], [5, 6]], 3, False),
        ("NumberNotInRange", [[1, 2], [5, 6]], 5.5, False),
        ("NumberNotInRange", [[1, 2], [5, 6]], 3, True),
        ("NumberIn", [1], True, False),
        ("BoolEquals", True, True, True),
        ("BoolEquals", True, False, False),
        ("BoolEquals", True, "true", False),
        ("IsNullOrUndefined", None, None, True),
        ("IsNullOrUndefined", None, 0, False),
        ("IsNotNull", None, 0, True),
        ("IsNotNull", None, None, False),
    ],
)
def test_operators(operator_type: str, filter_value: Any, value: Any, expected: bool) -> None:
    assert one(operator_type, "data.key", filter_value).matches(event(key=value)) is expected


TABLES = {
    "subjectBeginsWith": "/blobServices/default/containers/c/blobs/datasets/",
    "isSubjectCaseSensitive": True,
    "advancedFilters": [
        {"operatorType": "StringEndsWith", "key": "subject", "values": [".csv", ".csv.gz"]},
        {"operatorType": "StringIn", "key": "data.api", "values": ["PutBlob"]},
    ],
}
"""A filter with one beginning and several endings, which subjectEndsWith cannot express."""


@pytest.mark.parametrize(
    ("blob", "expected"),
    [
        ("datasets/iris.csv", True),
        ("datasets/iris.csv.gz", True),
        ("datasets/IRIS.CSV.GZ", True),
        ("datasets/iris.gz", False),
        ("datasets/iris.csv.zip", False),
        ("datasets/iris.csv.gz.part", False),
        ("Datasets/iris.csv", False),
        ("runs/iris.csv", False),
    ],
)
def test_a_subject_may_end_in_one_of_several_ways_in_any_case(blob: str, expected: bool) -> None:
    about = f"/blobServices/default/containers/c/blobs/{blob}"
    filter_ = Filter.parse(TABLES)
    assert filter_.matches(event(about, api="PutBlob")) is expected
    assert not filter_.matches(event(about, api="CopyBlob"))


def test_the_feed_remembers_no_blob_that_an_advanced_filter_on_the_subject_leaves_out() -> None:
    filter_ = Filter.parse(TABLES)
    begins = "/blobServices/default/containers/c/blobs/datasets/"
    assert filter_.concerns(BLOB_CREATED, f"{begins}iris.csv.gz")
    assert not filter_.concerns(BLOB_CREATED, f"{begins}readme.txt")


VALUES = {
    "StringIn": ["x"],
    "StringNotIn": ["x"],
    "NumberIn": [1],
    "NumberNotIn": [1],
    "NumberInRange": [[1, 2]],
    "NumberNotInRange": [[1, 2]],
    "BoolEquals": True,
}


@pytest.mark.parametrize("operator_type", OPERATORS)
def test_an_event_without_the_key_matches_only_what_says_not_in_or_undefined(operator_type: str) -> None:
    default = ["x"] if operator_type.startswith("String") else 1
    filter_ = one(operator_type, "data.key", VALUES.get(operator_type, default))
    matching = {"StringNotIn", "NumberNotIn", "NumberNotInRange", "IsNullOrUndefined"}
    assert filter_.matches(event()) is (operator_type in matching)


@pytest.mark.parametrize(
    "key", ["id", "Subject", "eventType", "EventType", "dataVersion", "topic", "data.a.b"]
)
def test_every_field_of_an_event_can_be_named_in_any_case(key: str) -> None:
    assert one("IsNotNull", key).matches(event(a={"b": 1}))


def test_all_filters_must_match() -> None:
    filters = [
        {"operatorType": "StringIn", "key": "data.api", "values": ["PutBlob"]},
        {"operatorType": "NumberGreaterThan", "key": "data.contentLength", "value": 0},
    ]
    filter_ = Filter.parse({"advancedFilters": filters})
    assert filter_.matches(event(api="PutBlob", contentLength=1))
    assert not filter_.matches(event(api="PutBlob", contentLength=0))
    assert not filter_.matches(event(api="CopyBlob", contentLength=1))


@pytest.mark.parametrize(
    ("advanced", "says"),
    [
        ({"operatorType": "StringLike", "key": "data.a", "values": ["x"]}, "operatorType 'StringLike'"),
        ({"operatorType": "StringIn", "key": "data", "values": ["x"]}, "key 'data'"),
        ({"operatorType": "StringIn", "key": "data.a.b.c", "values": ["x"]}, "key 'data.a.b.c'"),
        ({"operatorType": "StringIn", "key": "metadata", "values": ["x"]}, "key 'metadata'"),
        ({"operatorType": "StringIn", "key": "data.a", "values": []}, "not empty"),
        ({"operatorType": "StringIn", "key": "data.a", "value": "x"}, "does not take value"),
        ({"operatorType": "StringIn", "key": "data.a", "values": ["x" * 513]}, "512 characters"),
        ({"operatorType": "StringIn", "key": "data.a", "values": [1]}, "does not take 1"),
        ({"operatorType": "NumberLessThan", "key": "data.a", "value": "1"}, "does not take '1'"),
        ({"operatorType": "NumberInRange", "key": "data.a", "values": [[2, 1]]}, "ranges"),
        ({"operatorType": "BoolEquals", "key": "data.a", "value": 1}, "does not take 1"),
        ({"operatorType": "IsNotNull", "key": "data.a", "values": ["x"]}, "does not take values"),
        ("StringIn", "is an object"),
    ],
)
def test_an_advanced_filter_that_event_grid_would_refuse_is_refused(advanced: Any, says: str) -> None:
    with pytest.raises(InvalidFilterError, match=says):
        Filter.parse({"advancedFilters": [advanced]})


def test_more_filters_or_values_than_event_grid_takes_are_refused() -> None:
    one_value = {"operatorType": "StringIn", "key": "data.a", "values": ["x"]}
    Filter.parse({"advancedFilters": [one_value] * 25})
    with pytest.raises(InvalidFilterError, match="26 advanced filters with 26 values"):
        Filter.parse({"advancedFilters": [one_value] * 26})
    with pytest.raises(InvalidFilterError, match="1 advanced filters with 26 values"):
        Filter.parse({"advancedFilters": [one_value | {"values": ["x"] * 26}]})


@pytest.mark.parametrize(
    "body",
    [
        {"subjectStartsWith": "x"},
        {"subjectBeginsWith": 1},
        {"includedEventTypes": []},
        {"includedEventTypes": "All"},
        {"isSubjectCaseSensitive": "true"},
        [],
    ],
)
def test_a_malformed_filter_is_refused(body: Any) -> None:
    with pytest.raises(InvalidFilterError):
        Filter.parse(body)


@pytest.mark.parametrize(
    ("begins", "expected"),
    [
        ("", True),
        ("/blobServices/default/containers/c", True),
        ("/blobServices/default/containers/C/blobs/datasets/", True),
        ("/blobServices/default/containers/cc/blobs/", False),
        ("/other", False),
    ],
)
def test_a_container_is_looked_into_only_when_a_filter_can_match_in_it(begins: str, expected: bool) -> None:
    filter_ = Filter.parse({"subjectBeginsWith": begins})
    assert filter_.reaches("/blobServices/default/containers/c/blobs/") is expected
