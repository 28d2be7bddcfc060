"""Blob names become local paths only inside their folder."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from localcloud.machinelearning.folders import UnsafePathError, inside


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "..", ".", "a\0b", "a\\..\\b"])
def test_a_blob_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafePathError):
        inside(tmp_path / "model", name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="ab./", min_size=1, max_size=12))
def test_whatever_is_accepted_is_inside(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    try:
        path = inside(folder, name)
    except UnsafePathError:
        return
    assert folder.resolve() in path.parents
