"""Every command that the documents show parses, and names files, options and variables that exist.

tests/e2e/test_docs_snippets.py runs those that localcloud can run. The commands of touchdown, localcloud and
make are compared with their programs in test_docs.
"""

import json
import re
import subprocess

import pytest

from tests.checkout import CHECKOUT
from tests.snippets import DOCUMENTS, Block, blocks

ALL = [block for document in DOCUMENTS for block in blocks(document)]

GIVEN = {"HOME", "PATH", "PWD"}
"""Variables that every shell has."""
ASSIGNED = re.compile(r"(?:^|[\s;])([A-Za-z_]\w*)=|\bread -r (\w+)")
USED = re.compile(r"\$\{?([A-Za-z_]\w*)")
SINGLE_QUOTED = re.compile(r"'[^']*'")
COMMENT = re.compile(r"(?:^|\s)# .*$", re.MULTILINE)
REPOSITORY_FILE = re.compile(r"(?<![\w/.-])((?:scripts|bicep|trainer|packages|\.ci)/[\w./-]*\w)")
CSV = re.compile(r"(?<![\w/.-])([\w-]+\.csv)\b")
MADE = re.compile(r"(?:make_iris\.py|>) ([\w-]+\.csv)\b")
SCRIPT = re.compile(r"(scripts/\w+\.(?:sh|py))((?: +[^\n|;&]+)?)")

every_block = pytest.mark.parametrize(
    "block", ALL, ids=lambda block: f"{block.document.relative_to(CHECKOUT)}:{block.line}"
)


def before_and_in(block: Block) -> str:
    """The commands of a document up to the end of a block."""
    return "".join(each.script for each in blocks(block.document) if each.line <= block.line)


def test_the_blocks_of_the_documents_are_found() -> None:
    assert {block.document.name for block in ALL} >= {"README.md", "deploy.md", "http.md", "operate.md"}
    assert any(block.needs_azure for block in ALL)
    assert any(block.runnable for block in ALL)


@every_block
def test_a_block_is_valid_shell(block: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.script, capture_output=True, text=True, check=False)
    assert checked.stderr == ""


@every_block
def test_every_variable_of_a_block_is_set_in_it_or_earlier_in_its_document(block: Block) -> None:
    text = before_and_in(block)
    known = {name for pair in ASSIGNED.findall(text) for name in pair if name}
    if 'eval "$(touchdown env)"' in text:
        known |= {"TOUCHDOWN_API", "TOUCHDOWN_KEY"}
    assert set(USED.findall(SINGLE_QUOTED.sub("", COMMENT.sub("", block.script)))) <= known | GIVEN


@every_block
def test_every_csv_of_a_block_is_made_in_it_or_earlier_in_its_document(block: Block) -> None:
    assert set(CSV.findall(COMMENT.sub("", block.script))) <= set(MADE.findall(before_and_in(block)))


@every_block
def test_every_file_of_the_repository_that_a_block_names_exists(block: Block) -> None:
    assert [name for name in REPOSITORY_FILE.findall(block.script) if not (CHECKOUT / name).exists()] == []


@every_block
def test_every_option_that_a_block_gives_to_a_script_exists(block: Block) -> None:
    for script, rest in SCRIPT.findall(COMMENT.sub("", block.script)):
        own, _, parameters = rest.partition(" -- ")
        text = (CHECKOUT / script).read_text()
        assert [option for option in re.findall(r"--[a-z][\w-]*", own) if option not in text] == []
        assert set(re.findall(r"(\w+)=", parameters)) <= template_parameters()


def test_every_parameter_of_the_template_that_the_documents_name_exists() -> None:
    named = [name for block in ALL for name in re.findall(r"--parameters (\w+)=", block.script)]
    assert named
    assert set(named) <= template_parameters()


def test_every_variable_of_azd_that_the_documents_set_is_read_by_the_parameters() -> None:
    text = "".join(document.read_text() for document in DOCUMENTS)
    named = set(re.findall(r"azd env set (\w+) ", text))
    read = json.dumps(json.loads((CHECKOUT / "bicep" / "main.parameters.json").read_text()))
    assert named
    assert {name for name in named if f"${{{name}" not in read} == set()


def template_parameters() -> set[str]:
    main = (CHECKOUT / "bicep" / "main.bicep").read_text()
    return set(re.findall(r"^param (\w+) ", main, re.MULTILINE))
