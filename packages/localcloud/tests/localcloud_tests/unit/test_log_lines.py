"""What localcloud logs: no line is forged, and no terminal obeys it."""

import io
import logging
import re
from collections.abc import Iterator

import pytest
from localcloud.functions.logs import Lines as HostLines
from localcloud.log_lines import Lines

NAME = "x.csv\r\n2026-11-30 00:00:00,000 INFO localcloud: forged\n2026-11-30 forged\x1b[2J\x9b\u2028\u202e"
RECORD = re.compile(r"\d{4}-\d\d-\d\d")


@pytest.fixture(params=[Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"), HostLines()])
def log(request: pytest.FixtureRequest) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger, and what it has written in one of the formats."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(request.param)
    logger = logging.getLogger("localcloud.test")
    logger.addHandler(handler)
    yield logger, written
    logger.removeHandler(handler)


def test_a_name_forges_no_record_and_no_sequence(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.warning("%s/%s was written while nobody looked", "datasets", NAME)
    first, *others = written.getvalue().rstrip("\n").split("\n")
    assert RECORD.match(first)
    assert all(line.startswith("    ") for line in others)
    assert all(line.isprintable() for line in [first, *others])
    assert r"\x1b[2J" in written.getvalue(), "it can still be read"


def test_neither_does_an_error_that_quotes_it(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    logger.error("it failed", exc_info=ValueError(NAME))
    first, *others = written.getvalue().rstrip("\n").split("\n")
    assert RECORD.match(first)
    assert others[0].startswith("    ValueError: x.csv")
    assert all(line.startswith("    ") and line.isprintable() for line in others)
