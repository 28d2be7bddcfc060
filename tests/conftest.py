"""Fixtures and rules that every level of tests shares."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
WARNINGS_ALLOWED = tuple(HERE / name for name in ("e2e", "trainer", "integration/stack"))
"""Tests of whole processes, in which a warning is shown rather than an error."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in WARNINGS_ALLOWED):
            item.add_marker(pytest.mark.filterwarnings("default"))
