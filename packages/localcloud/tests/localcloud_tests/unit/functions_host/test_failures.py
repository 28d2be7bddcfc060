from datetime import timedelta

import pytest
from localcloud.functions.failures import clock, from_worker, timed_out


@pytest.mark.parametrize(
    ("text", "error_type", "message"),
    [
        ("ValueError: only one class", "ValueError", "only one class"),
        ("ValueError: first: second", "ValueError", "first: second"),
        ("HttpResponseError: (Conflict) taken\nCode: Conflict", "HttpResponseError", "(Conflict) taken"),
        ("KeyError: 'label'", "KeyError", "'label'"),
        ("ValueError: ", "ValueError", ""),
        ("Something went wrong", "(unknown)", "Something went wrong"),
    ],
)
def test_a_workers_text_is_taken_apart_as_the_extension_does(
    text: str, error_type: str, message: str
) -> None:
    details = from_worker(text, "the stack")
    assert (details.errorType, details.errorMessage) == (error_type, message)
    assert details.stackTrace.value == "the stack"


def test_a_timeout_names_the_function_and_the_limit() -> None:
    details = timed_out("train", timedelta(minutes=10))
    assert details.errorMessage == "Timeout value of 00:10:00 was exceeded by function: Functions.train"


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(seconds=1), "00:00:01"),
        (timedelta(days=1, hours=2), "1.02:00:00"),
        (timedelta(milliseconds=250), "00:00:00.2500000"),
    ],
)
def test_a_span_is_written_as_net_writes_it(span: timedelta, expected: str) -> None:
    assert clock(span) == expected
