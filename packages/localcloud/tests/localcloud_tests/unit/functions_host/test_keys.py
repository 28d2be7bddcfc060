"""The file of keys that a person may edit."""

import json
from pathlib import Path

import pytest
from localcloud.functions import keys
from localcloud.functions.keys import Access, KeysError


def written(file: Path, **changed: object) -> Path:
    keys.load(file)
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    return file


def test_every_key_of_the_host_opens_a_function_whatever_its_name(tmp_path: Path) -> None:
    file = written(tmp_path / "keys.json", functionKeys={"default": "d" * 40, "release-manager": "r" * 40})
    loaded = keys.load(file)
    for key in ("d" * 40, "r" * 40):
        assert loaded.function_access(key, "FUNCTION") is Access.GRANTED
        assert loaded.admin_access(key) is Access.REFUSED
    assert loaded.function_access("x" * 40, "FUNCTION") is Access.UNKNOWN


def test_a_file_that_lacks_an_extensions_key_says_which_and_what_to_do(tmp_path: Path) -> None:
    file = written(tmp_path / "keys.json", systemKeys={"eventgrid_extension": "e"})
    with pytest.raises(KeysError, match=r"lacks durabletask_extension; delete the file"):
        keys.load(file)
