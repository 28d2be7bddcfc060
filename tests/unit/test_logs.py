"""What the app logs is printable, whatever texts from outside are in it."""

import logging
from collections.abc import Iterator

import pytest

from services.logs import PrintableRecord, keep_printable

FORGED = "x.csv\r\n2026-11-30T00:00:00Z Information Function.f.User run a promoted\x1b[2K\x9b\u2028\u202e"


@pytest.fixture(autouse=True)
def records() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    keep_printable()
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.parametrize("given", [FORGED, ValueError(FORGED)], ids=["a text", "an error"])
def test_a_text_from_outside_forges_no_record_and_reaches_no_terminal(
    given: object, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("touchdown.triggers").warning("event %s is ignored: %s", given, given)
    (record,) = caplog.records
    assert isinstance(record, PrintableRecord)
    assert record.getMessage().isprintable()
    assert "\\r\\n2026-11-30" in record.getMessage(), "it can still be read"


def test_what_libraries_log_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("azure.core").warning("Request:\n%s", "GET /")
    assert caplog.messages == ["Request:\nGET /"]
