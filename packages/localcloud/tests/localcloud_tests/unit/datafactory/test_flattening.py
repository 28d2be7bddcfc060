"""The files of a folder path on the node: their names, and refusals of names that collide."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localcloud.batch.tasks import ResourceFile
from localcloud.blob_urls import BlobUrl
from localcloud.datafactory.custom_activity import flattened
from localcloud.datafactory.errors import ActivityFailedError


def test_sub_folders_vanish() -> None:
    blobs = ["code/main.py", "code/deep/er/helper.py", "code/deep/"]
    assert flattened(blobs) == {"main.py": "code/main.py", "helper.py": "code/deep/er/helper.py"}


@pytest.mark.parametrize(
    "blobs", [["a/x.py", "a/b/x.py"], ["a/activity.json"], ["a/datasets.json"], ["a/b\nc", "a/b_c"]]
)
def test_two_files_that_would_be_one_are_refused(blobs: list[str]) -> None:
    with pytest.raises(ActivityFailedError) as error:
        flattened(blobs)
    assert error.value.code == "2508"


@pytest.mark.parametrize("blob", ["a/..", "a/.", "..\\..\\x", "a/../../x", "a/\0x", "/etc/passwd"])
def test_no_name_leaves_the_folder(blob: str) -> None:
    [name] = flattened([blob])
    assert PurePosixPath(name).name == name


@given(st.lists(st.text(min_size=1), unique=True))
def test_any_blob_becomes_a_file_that_a_node_takes(blobs: list[str]) -> None:
    try:
        files = flattened(blobs)
    except ActivityFailedError:
        return
    for name, blob in files.items():
        assert ResourceFile(name, BlobUrl("account", "container", blob)).file_path == name
        assert blob in blobs


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b", "/a"])
def test_a_node_refuses_an_invalid_file_name(name: str) -> None:
    with pytest.raises(ValueError, match="no plain file name"):
        ResourceFile(name, BlobUrl("account", "container", "blob"))
