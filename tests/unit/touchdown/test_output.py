"""How the command line writes durations, its own name, and what others wrote."""

import io
from pathlib import Path

import pytest
from rich.text import Text

from touchdown.cli import output
from touchdown.cli.scoring import print_predictions

HOSTILE = (
    "a\x1b[2J\x1b]8;;http://evil.invalid\x07b\x9b31m\r\nrun  Succeeded\u2028\u202e[link=http://evil.invalid]c"
)
"""What a terminal would obey, and what rich takes for markup."""


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


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed on standard output and standard error, as a terminal gets it."""
    written = io.StringIO()
    for name in ("out", "err"):
        console = output.PrintableConsole(
            file=written, force_terminal=True, width=400, color_system="standard"
        )
        monkeypatch.setattr(output, name, console)
    return written


def obeyed(written: io.StringIO) -> str:
    """The characters of a text that cannot be printed, without rich's own styles and the line ends."""
    text = Text.from_ansi(written.getvalue()).plain.replace("\n", "")
    return "".join(each for each in text if not each.isprintable())


def test_what_others_wrote_reaches_the_terminal_as_escapes(printed: io.StringIO) -> None:
    output.out.print(output.table(["name", f"{HOSTILE}>"], [[HOSTILE, Text(HOSTILE)]], title=HOSTILE))
    output.out.print(output.properties([(HOSTILE, HOSTILE), ("b", Text(HOSTILE))]))
    output.out.print(Text(HOSTILE))
    output.print_message(HOSTILE)
    output.print_error("code", HOSTILE, HOSTILE, as_json=False)
    assert printed.getvalue().count(r"\x1b[2J") == 11
    assert obeyed(printed) == ""
    assert "\x1b]" not in printed.getvalue(), "a link of somebody else's"
    assert "\x1b[2J" not in printed.getvalue()


def test_a_class_cell_or_column_of_a_scored_file_does_so_too(printed: io.StringIO) -> None:
    formula = '=HYPERLINK("http://evil.invalid")'
    print_predictions([HOSTILE, "b"], [[HOSTILE, "1\n2"]], ["prediction", HOSTILE], [[formula, HOSTILE]])
    lines = printed.getvalue().rstrip("\n").split("\n")
    assert len(lines) == 2, "a cell adds no line to the table"
    assert formula in lines[1], "a terminal runs no formula"
    assert obeyed(printed) == ""
    assert "\x1b]" not in printed.getvalue()
