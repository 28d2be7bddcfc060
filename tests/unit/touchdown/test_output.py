"""How the command line writes durations, and its own name."""

from pathlib import Path

import pytest

from touchdown.cli import output


@pytest.mark.parametrize(
    ("seconds", "printed"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (7800, "2 h 10 min")]
)
def test_spans_are_shown_in_the_unit_a_person_would_use(seconds: float, printed: str) -> None:
    assert output.duration(seconds) == printed


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script of an environment in a folder of its own."""
    script = tmp_path / "my project" / ".venv" / "bin" / "touchdown"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    return script


def test_the_program_is_called_by_its_name_where_a_shell_finds_it(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    assert output.how_to_call(script, script.parents[3]) == "touchdown"


def test_the_program_is_called_by_its_path_where_a_shell_does_not_find_it(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    assert output.how_to_call(script, script.parents[2]) == ".venv/bin/touchdown"
    assert output.how_to_call(script, Path("/elsewhere")) == f"'{script}'"


def test_another_environments_program_of_this_name_is_not_named(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "touchdown"
    other.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert output.how_to_call(script, script.parents[2]) == ".venv/bin/touchdown"


def test_a_program_without_a_script_is_called_as_a_module(tmp_path: Path) -> None:
    assert output.how_to_call(tmp_path / "absent", tmp_path).endswith("-m touchdown")
