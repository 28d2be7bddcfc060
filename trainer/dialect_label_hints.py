"""What a label that cannot be learned looks like, so that its refusal names the true reason.

The app and the trainer use this code; it uses the standard library alone.
"""

from __future__ import annotations

from collections.abc import Mapping

FLAT = "." not in __name__
if FLAT:
    from dialect_cells import DATE, look_of
    from dialect_label import LabelReading, Number, folded
else:
    from trainer.dialect_cells import DATE, look_of
    from trainer.dialect_label import LabelReading, Number, folded

MOSTLY = 0.9
"""Share of a label's rows that look like dates for the label to look like one of dates."""
FEWEST_NUMBERS = 20
"""Different numbers that a label needs for its other texts to be told: fewer are rather names of classes."""
_PUNCTUATION = " .,;:!?\"'`*_()"
YES = frozenset({"yes", "y", "true", "t", "1", "ja", "oui", "si", "s\u00ed"})
NO = frozenset({"no", "n", "false", "f", "0", "nein", "non"})


def hint(rows: Mapping[str, int], number_of: Number) -> str:
    """What most texts of a label of classes are, with the remedy, to be added to a refusal; "" if nothing.

    rows: how many each text has.
    """
    every = sum(rows.values())
    numbers = {text: count for text, count in rows.items() if number_of(text) is not None}
    others = [text.strip()[:40] for text in rows if text not in numbers]
    if others and len(numbers) > FEWEST_NUMBERS and 2 * sum(numbers.values()) >= every:
        shown = " and ".join(f'"{text}"' for text in dict.fromkeys(others[:2]))
        return (
            f"; {sum(numbers.values())} of {every} labels are numbers, so if the others, such as {shown},"
            " stand for a missing label, leave their cells empty"
        )
    dates = sum(count for text, count in rows.items() if look_of(text) == DATE)
    if dates >= MOSTLY * every > 0:
        return (
            "; the labels look like dates or times, which a model does not predict: name another label, or"
            " write them as numbers, such as days"
        )
    return ""


def no_word(reading: LabelReading) -> str:
    """The remedy for a label of one text beside empty cells, as where one is ticked; "" for any other."""
    if len(set(reading.names.values())) != 1:
        return ""
    return " (if an empty cell is a class of its own, write a word there)"


def same_meanings(names: Mapping[str, str]) -> list[str]:
    """The classes that may mean the same: those of several words for yes, or no, in a label of these alone.

    names: the class of each text.
    """
    words = {name: folded(name) for name in dict.fromkeys(names.values())}
    groups = [[name for name, word in words.items() if word in group] for group in (YES, NO)]
    if sum(map(len, groups)) < len(words):
        return []
    return [name for group in groups if len(group) > 1 for name in group]


def alike_but_for_punctuation(names: Mapping[str, str]) -> list[str]:
    """The classes that punctuation around a word alone tells apart, as "yes", "yes." and "yes!"."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names.values()):
        groups.setdefault(folded(name).strip(_PUNCTUATION), []).append(name)
    return [name for word, group in groups.items() if word and len(group) > 1 for name in group]
