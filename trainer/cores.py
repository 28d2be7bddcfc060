"""How many cores the libraries compute on."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any

PARALLEL_CELLS = 4_000_000
"""Features of all rows from which all cores grow a tree together."""


@functools.cache
def libraries() -> Any:
    """The libraries that compute in threads of their own. Finding them takes 10 ms."""
    import sklearn.ensemble  # noqa: F401 - it loads them
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextlib.contextmanager
def threads(cells: int) -> Iterator[None]:
    """All cores for the trees of many cells; one for few, where waiting for each other takes longest.

    The trees do not depend on it. Products of matrices do, to the last bit, so they get one core at any time.
    """
    with contextlib.ExitStack() as limits:
        limits.enter_context(libraries().limit(limits=1, user_api="blas"))
        cores = (os.cpu_count() or 1) if cells >= PARALLEL_CELLS else 1
        limits.enter_context(libraries().limit(limits=cores, user_api="openmp"))
        yield
