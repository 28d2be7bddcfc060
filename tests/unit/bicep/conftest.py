from pathlib import Path

import pytest

from tests.unit.bicep.machine import Machine, prepared


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return prepared(tmp_path)
