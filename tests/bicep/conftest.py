"""The compiler, which starts once for all of these tests; it takes half a gigabyte of memory."""

from collections.abc import Iterator

import pytest

from scripts.bicep_compiler import MISSING, Compiler, find_compiler


@pytest.fixture(scope="package")
def compiler() -> Iterator[Compiler]:
    program = find_compiler()
    if program is None:
        pytest.skip(MISSING)
    with Compiler(program) as running:
        yield running
