import logging
from collections.abc import Mapping

import pytest
from azure_functions_runtime import invocation_id_cv
from localcloud.functions.logs import Categories, LogLevelError


def category_of(levels: Mapping[str, str], logger: str, level: int, call: str | None = None) -> str | None:
    """The category under which a record is logged; None if it is filtered out."""
    record = logging.LogRecord(logger, level, __file__, 1, "hello", None, None)
    token = invocation_id_cv.set(call)
    try:
        kept = Categories(levels, {"id-1": "train"}.get).filter(record)
    finally:
        invocation_id_cv.reset(token)
    return str(record.__dict__["category"]) if kept else None


def test_what_an_app_logs_in_a_function_is_that_functions() -> None:
    assert category_of({}, "activities.training", logging.INFO, "id-1") == "Function.train.User"


def test_what_is_logged_outside_a_function_is_the_workers() -> None:
    assert category_of({}, "activities.training", logging.INFO) == "Worker.activities.training"


def test_the_machinery_is_quiet_unless_asked_for() -> None:
    assert category_of({}, "azure.functions", logging.INFO, "id-1") is None
    assert category_of({"Host.Worker": "Information"}, "azure.functions", logging.INFO) == "Host.Worker"


def test_the_longest_category_that_matches_decides() -> None:
    levels = {"default": "Error", "Function": "Warning", "Function.train.User": "Debug"}
    assert category_of(levels, "x", logging.DEBUG, "id-1") == "Function.train.User"
    assert category_of(levels, "Function.train", logging.INFO) is None
    assert category_of(levels, "Function.train", logging.WARNING) == "Function.train"
    assert category_of(levels, "Host.Startup", logging.WARNING) is None


def test_none_shows_nothing() -> None:
    assert category_of({"Function": "None"}, "x", logging.CRITICAL, "id-1") is None


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(LogLevelError, match="Loud"):
        Categories({"default": "Loud"}, lambda _: None)
