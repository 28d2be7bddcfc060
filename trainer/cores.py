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
def libraries(*, trees: bool) -> Any:
    """The libraries that compute in threads of their own. Finding them takes 10 ms.

    trees: with that of scikit-learn's trees, which a linear model need not wait for: it takes 100 ms.
    """
    if trees:
        import sklearn.ensemble  # noqa: F401 - it loads it
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextlib.contextmanager
def threads(cells: int, *, trees: bool = True) -> Iterator[None]:
    """All cores for the trees of many cells; one for few, where waiting for each other takes longest.

    The trees do not depend on it. Products of matrices do, to the last bit, so they get one core at any time.
    trees: whether any are computed.
    """
    with contextlib.ExitStack() as limits:
        limits.enter_context(libraries(trees=trees).limit(limits=1, user_api="blas"))
        cores = (os.cpu_count() or 1) if cells >= PARALLEL_CELLS else 1
        limits.enter_context(libraries(trees=trees).limit(limits=cores, user_api="openmp"))
        yield
