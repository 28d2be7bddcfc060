"""Keeps the session fixtures of a suite alive for the tests of one mutant after the other.

A fixture that starts a cloud takes longer than the tests that use it. Here a pytest process sets the fixtures
up once and waits; the processes that run mutants take the fixtures' values from a file.
"""

import contextlib
import inspect
import os
import pickle
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest


@contextlib.contextmanager
def held_fixtures(trees: Sequence[Path], suite: str) -> Iterator[None]:
    """Holds the session fixtures of `suite`, for each copy of the repository its own."""
    with contextlib.ExitStack() as stack:
        starting = [_start(tree, suite, stack) for tree in trees]
        for tree, ready in zip(trees, starting, strict=True):
            if not os.read(ready, 1):
                log = tree.with_suffix(".held.log")
                print(f"Each run sets up its fixtures by itself, as they could not be held: read {log}.")
        yield


def fixture_values(tree: Path) -> Path:
    """The pickled values by name of fixture; the file exists while they are held."""
    return tree.with_suffix(".fixtures")


def _start(tree: Path, suite: str, stack: contextlib.ExitStack) -> int:
    """Starts the process that holds the fixtures; the file that it returns has a byte when they are ready."""
    ready, signalled = os.pipe()
    stack.callback(os.close, ready)
    log = stack.enter_context(tree.with_suffix(".held.log").open("wb"))
    plugin = ["-p", "scripts.mutation_testing.holding", "-p", "no:cacheprovider", "--timeout=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-s", *plugin, f"--basetemp={tree.with_suffix('.held')}", suite],
        cwd=tree,
        env=os.environ | {"MUTATION_FIXTURES": f"{signalled}:{fixture_values(tree)}"},
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=[signalled],
    )
    os.close(signalled)
    stack.callback(fixture_values(tree).unlink, missing_ok=True)
    # Leaving closes the process's stdin, which ends it, and waits for it.
    stack.enter_context(process)
    return ready


def pytest_configure(config: pytest.Config) -> None:
    signalled, _, values = os.environ["MUTATION_FIXTURES"].partition(":")
    config.pluginmanager.register(Holder(int(signalled), Path(values)), "mutation-holder")


class Holder:
    """Sets up the fixtures of the test that uses most, and waits in its place until stdin is closed."""

    def __init__(self, signalled: int, values: Path) -> None:
        self._signalled = signalled
        self._file = values
        self._values: dict[str, bytes] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [max(items, key=lambda each: len(getattr(each, "fixturenames", ())))]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        value = yield
        if fixturedef.scope == "session" and inspect.isgeneratorfunction(fixturedef.func):
            # What is no plain value belongs to its own process.
            with contextlib.suppress(pickle.PicklingError, TypeError, AttributeError):
                self._values[fixturedef.argname] = pickle.dumps(value)
        return value

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        self._file.write_bytes(pickle.dumps(self._values))
        os.write(self._signalled, b"1")
        sys.stdin.read()
        pytest.skip("only its fixtures were wanted")


class Borrower:
    """A pytest plugin: gives tests the values of held fixtures instead of setting the fixtures up."""

    def __init__(self, values: Path) -> None:
        # Written by this program in the user's own folder.
        self._values: dict[str, bytes] = pickle.loads(values.read_bytes()) if values.exists() else {}  # noqa: S301

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any], request: Any) -> object | None:
        if fixturedef.scope != "session" or fixturedef.argname not in self._values:
            return None
        value: object = pickle.loads(self._values[fixturedef.argname])  # noqa: S301
        fixturedef.cached_result = (value, fixturedef.cache_key(request), None)
        return value
