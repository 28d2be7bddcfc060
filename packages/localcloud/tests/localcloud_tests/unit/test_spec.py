"""Specifications: written and read, errors in them, and the settings of their site."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from localcloud.home import Home, Ports
from localcloud.spec import CloudSpec, Resource, SpecError, of_home, spec_file

from localcloud_tests.resources import GROUP_ID


def test_a_specification_is_the_same_after_a_file(tmp_path: Path) -> None:
    home = Home.open(tmp_path, Ports())
    assert of_home(home) == CloudSpec()
    group = Resource(GROUP_ID, {"location": "here"}, "2024-03-01")
    spec = CloudSpec(
        [group],
        tmp_path / "app",
        tmp_path / "python",
        tmp_path / "requirements.txt",
        "3.12",
        "m",
        [tmp_path / "a"],
    )
    spec.write(spec_file(home))
    assert of_home(home) == spec
    assert stat.S_IMODE(spec_file(home).stat().st_mode) == 0o600


def test_relative_paths_begin_at_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"app": "app", "nodeEnvironment": "../python", "snapshots": ["main.json"]}))
    spec = CloudSpec.read(file)
    assert spec.app == tmp_path / "app"
    assert spec.node_environment is not None
    assert spec.node_environment.resolve() == tmp_path.parent / "python"
    assert spec.node_requirements is None
    assert spec.snapshots == [tmp_path / "main.json"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("[", "Expecting"),
        ([], "is an object"),
        ({"apps": "x"}, "is an object with the keys app"),
        ({"resources": [{"id": "/x", "body": {}}]}, "resource 0 needs"),
        ({"resources": [{"id": "/x", "body": [], "api_version": "1"}]}, "resource 0 needs"),
    ],
)
def test_a_file_that_is_no_specification_is_named(tmp_path: Path, body: Any, says: str) -> None:
    file = tmp_path / "spec.json"
    file.write_text(body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(SpecError, match=says) as refused:
        CloudSpec.read(file)
    assert str(file) in str(refused.value)
