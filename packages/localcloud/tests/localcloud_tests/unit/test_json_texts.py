"""JSON that somebody else wrote."""

import pytest
from localcloud import json_texts
from localcloud.json_texts import DEEPEST


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_is_read_down_to_a_limit(opening: str, closing: str) -> None:
    def nested(levels: int) -> str:
        empty = opening.removesuffix('"a":') + closing
        return opening * (levels - 1) + empty + closing * (levels - 1)

    assert json_texts.loads(nested(DEEPEST))
    for levels in (DEEPEST + 1, 100_000):
        with pytest.raises(ValueError, match="nested more than 200 levels deep"):
            json_texts.loads(nested(levels))


def test_other_json_is_read_as_ever() -> None:
    assert json_texts.loads(b'{"a": [1, "b", null]}') == {"a": [1, "b", None]}
    assert json_texts.loads('"a\nb"', strict=False) == "a\nb"
    with pytest.raises(ValueError, match="control character"):
        json_texts.loads('"a\nb"')
