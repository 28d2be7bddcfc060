"""A pytest plugin that writes down which lines of the product each test runs, and how long the test takes.

    MUTATION_COVERAGE=coverage.json python -m pytest -p scripts.mutation_testing.recording

The file holds "tests", for each passed test {"seconds": ..., "shared": [fixture, ...], "lines": {path:
[line, ...]}} with paths relative to the current folder; "shared", the seconds that fixtures of a wider scope
than one test took to set up; "imported", the lines that ran when the tests were imported; "failed", the
tests that did not pass; and "modules", the third-party modules that the tests import.
"""

import json
import os
import sys
import sysconfig
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

FOLDERS = ("activities", "orchestrators", "runs", "services", "triggers")
NOT_PRELOADED = ("_pytest", "hypothesis", "localcloud", "pluggy", "pytest", "xdist")
type Lines = dict[str, set[int]]

_monitoring = sys.monitoring


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begins before the conftest.py files are imported, since they import the product."""
    early_config.pluginmanager.register(Recorder(Path.cwd()), "mutation-recorder")


class Recorder:
    """Records one test at a time; what a fixture of a wider scope runs counts for all tests that use it."""

    def __init__(self, root: Path) -> None:
        self._prefixes = {f"{root}{os.sep}{folder}{os.sep}" for folder in FOLDERS}
        self._root = root
        self._imported: Lines = defaultdict(set)
        self._lines = self._imported
        self._shared: dict[str, Lines] = {}
        self._shared_seconds: dict[str, float] = defaultdict(float)
        self._tests: dict[str, dict[str, Any]] = {}
        self._failed: set[str] = set()
        _monitoring.use_tool_id(_monitoring.COVERAGE_ID, "mutation testing")
        _monitoring.register_callback(_monitoring.COVERAGE_ID, _monitoring.events.LINE, self._on_line)
        _monitoring.set_events(_monitoring.COVERAGE_ID, _monitoring.events.LINE)

    def _on_line(self, code: CodeType, line: int) -> object:
        name = code.co_filename
        if any(name.startswith(prefix) for prefix in self._prefixes):
            self._lines[name].add(line)
        return _monitoring.DISABLE

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        _forget_cached_calls()
        self._lines = defaultdict(set)
        _monitoring.restart_events()
        began = time.perf_counter()
        result = yield
        self._tests[item.nodeid] = {
            "seconds": round(time.perf_counter() - began, 4),
            "lines": self._lines,
            "fixtures": list(getattr(item, "fixturenames", ())),
        }
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        outer, self._lines = self._lines, defaultdict(set)
        _monitoring.restart_events()
        began = time.perf_counter()
        try:
            return (yield)
        finally:
            self._shared[fixturedef.argname] = self._lines
            self._shared_seconds[fixturedef.argname] += time.perf_counter() - began
            self._lines = outer
            _monitoring.restart_events()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed":
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        _monitoring.set_events(_monitoring.COVERAGE_ID, 0)
        tests = {}
        for name, test in self._tests.items():
            lines: Lines = defaultdict(set, {path: set(found) for path, found in test["lines"].items()})
            for fixture in test["fixtures"]:
                for path, found in self._shared.get(fixture, {}).items():
                    lines[path] |= found
            if name not in self._failed:
                shared = sorted(set(test["fixtures"]) & self._shared.keys())
                tests[name] = {
                    "seconds": test["seconds"],
                    "shared": shared,
                    "lines": self._relative(lines),
                }
        document = {
            "tests": tests,
            "shared": {name: round(seconds, 4) for name, seconds in self._shared_seconds.items()},
            "imported": self._relative(self._imported),
            "failed": sorted(self._failed),
            "modules": _third_party_modules(),
        }
        Path(os.environ["MUTATION_COVERAGE"]).write_text(json.dumps(document))

    def _relative(self, lines: Lines) -> dict[str, list[int]]:
        return {os.path.relpath(path, self._root): sorted(found) for path, found in lines.items()}


def _forget_cached_calls() -> None:
    """A cached result would hide that this test depends on the function's lines as well."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in FOLDERS:
            for each in list(vars(module).values()):
                if callable(clear := getattr(each, "cache_clear", None)):
                    clear()


def _third_party_modules() -> list[str]:
    """In the order in which they were imported. pytest rewrites its plugins when it imports them itself."""
    installed = sysconfig.get_path("purelib")
    return [
        name
        for name, module in sys.modules.items()
        if str(getattr(module, "__file__", None)).startswith(installed)
        and not name.startswith(NOT_PRELOADED)
        and "pytest" not in name
    ]
