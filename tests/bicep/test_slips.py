"""One wrong word in a template is noticed: by the compiler, by the types checker, or by a claim."""

from pathlib import Path

from scripts.bicep_compiler import Compiler
from tests.bicep.slips import Watch, all_slips, draw, slips_of

SAMPLE = 30
SEED = 1


def test_thirty_slips_are_noticed(compiler: Compiler, tmp_path: Path) -> None:
    watch = Watch(compiler, tmp_path)
    sample = draw(all_slips(), SEED, SAMPLE)
    assert len(sample) == SAMPLE
    assert [str(slip) for slip in sample if not watch.noticed_by(slip)] == []


def test_a_slip_changes_one_word_of_its_line() -> None:
    content = "var a = {\n  kind: 'Hot'\n  id: names.vault\n}\n"
    slips = list(slips_of("a.bicep", content))
    assert [str(slip) for slip in slips] == [
        "a.bicep:2: property kind",
        "a.bicep:2: value Hot",
        "a.bicep:3: property id",
        "a.bicep:3: read names.vault",
    ]
    assert [slip.apply(content).split("\n")[slip.line - 1] for slip in slips] == [
        "  kindZz: 'Hot'",
        "  kind: 'HotZz'",
        "  idZz: names.vault",
        "  id: names.vaultZz",
    ]


def test_a_larger_sample_contains_the_smaller_one() -> None:
    slips = all_slips()
    assert draw(slips, SEED, 60)[:SAMPLE] == draw(slips, SEED, SAMPLE)
    assert draw(slips, SEED, SAMPLE) != draw(slips, SEED + 1, SAMPLE)
