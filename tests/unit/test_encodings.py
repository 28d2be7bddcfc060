"""Encodings: which one a CSV of few words is in, and what is said about it."""

# ruff: noqa: RUF001

import pytest

from trainer.dialect import Inspection, UnreadableError, inspect_head

GERMAN = (["Größe", "Stadt", "weiß", "Ziel"], ["Köln", "Münster", "Gießen", "Hagen"], ["ja", "nein"])
FRENCH = (["Âge", "Région", "Prénom", "Résilié"], ["Orléans", "Nîmes", "Évreux", "Lyon"], ["oui", "non"])
POLISH = (
    ["Wiek", "Płeć", "Zarobki", "Odejście"],
    ["Łódź", "Kraków", "Gdańsk", "Częstochowa"],
    ["tak", "nie"],
)
RUSSIAN = (["Возраст", "Город", "Доход", "Отток"], ["Москва", "Казань", "Пермь"], ["да", "нет"])
GREEK = (["Ηλικία", "Πόλη", "Εισόδημα", "Αποχώρηση"], ["Αθήνα", "Πάτρα", "Λάρισα"], ["ναι", "όχι"])
TURKISH = (["Yaş", "Şehir", "Gelir", "Ayrıldı"], ["İstanbul", "Muğla", "Şanlıurfa"], ["evet", "hayır"])
JAPANESE = (["年齢", "都市", "収入", "解約"], ["東京", "大阪", "京都"], ["はい", "いいえ"])
KATAKANA = (["コード", "ｼｮｳﾋﾝ", "ｷﾝｶﾞｸ", "解約"], ["ﾘﾝｺﾞ", "ﾐｶﾝ", "ﾀﾏｺﾞ"], ["有", "無"])
CHINESE = (["年龄", "城市", "收入", "流失"], ["北京", "上海", "广州"], ["是", "否"])
TAIWANESE = (["年齡", "城市", "收入", "流失"], ["臺北", "高雄", "臺中"], ["是", "否"])
KOREAN = (["나이", "도시", "소득", "이탈"], ["서울", "부산", "대구"], ["예", "아니오"])
SIGNS = (["id", "price £", "temp °C", "left"], ["€5–€10", "it’s fine", "“ok”"], ["yes", "no"])

Words = tuple[list[str], list[str], list[str]]


def written(words: Words, rows: int) -> list[list[str]]:
    header, towns, answers = words
    return [
        header,
        *(
            [str(n % 70 + 18), towns[n % len(towns)], f"{n * 37.21:.2f}", answers[n % 2]]
            for n in range(1, rows + 1)
        ),
    ]


def seen(rows: list[list[str]], encoding: str) -> Inspection:
    return inspect_head("".join(f"{','.join(row)}\r\n" for row in rows).encode(encoding), whole=True)


@pytest.mark.parametrize("rows", [10, 300])
@pytest.mark.parametrize(
    ("encoding", "words", "name"),
    [
        ("cp1252", GERMAN, "Windows-1252"),
        ("cp1252", FRENCH, "Windows-1252"),
        ("cp1252", SIGNS, "Windows-1252"),
        ("cp1250", POLISH, "Windows-1250"),
        ("cp1251", RUSSIAN, "Windows-1251"),
        ("cp1253", GREEK, "Windows-1253"),
        ("cp1254", TURKISH, "Windows-1254"),
        ("mac-roman", GERMAN, "MacRoman"),
        ("mac-roman", FRENCH, "MacRoman"),
        ("shift-jis", JAPANESE, "Shift-JIS"),
        ("cp932", KATAKANA, "Shift-JIS"),
        ("euc-jp", JAPANESE, "EUC-JP"),
        ("iso2022-jp", JAPANESE, "ISO-2022-JP"),
        ("gbk", CHINESE, "GB18030"),
        ("gb18030", TAIWANESE, "GB18030"),
        ("big5", TAIWANESE, "Big5"),
        ("euc-kr", KOREAN, "EUC-KR"),
        ("koi8-r", RUSSIAN, "KOI8-R"),
        ("iso8859-2", POLISH, "ISO 8859-2"),
        ("cp850", GERMAN, "code page"),
        ("utf-16", JAPANESE, "UTF-16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_table_of_few_words_is_read_to_the_letter_and_its_encoding_is_said(
    encoding: str, words: Words, name: str, rows: int
) -> None:
    table = written(words, rows)
    found = seen(table, encoding)
    assert [found.columns, *found.rows] == table
    [note] = found.notes
    assert note.startswith("the file is ")
    assert name in note


def test_nothing_is_said_about_utf_8() -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        assert seen(written(JAPANESE, 10), encoding).notes == []


@pytest.mark.parametrize("word", ["Zoë", "a°", "naïve"])
def test_a_single_word_that_is_not_ascii_is_read_as_windows_1252(word: str) -> None:
    found = seen([["a", "b", "y"], ["1", word, "u"], ["2", "plain", "v"]], "cp1252")
    assert found.rows[0] == ["1", word, "u"]


def test_bytes_that_are_text_in_no_encoding_are_refused_with_the_remedy() -> None:
    junk = b"\x81\x8d\x8f\x90\x9d\xff\xfd" * 3
    with pytest.raises(UnreadableError, match="cannot be told which encoding it is in; save it as CSV"):
        inspect_head(b"a,b,y\n" + b"".join(b"%d,%b,u\n" % (n, junk[n:]) for n in range(19)), whole=True)


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_character_that_the_end_of_the_head_cuts_does_not_matter(cut: int) -> None:
    data = "".join(f"{','.join(row)}\n" for row in written(JAPANESE, 300)).encode("shift-jis")
    found = inspect_head(data[:-cut], whole=False)
    assert found.columns == JAPANESE[0]
    assert found.dialect.encoding == "cp932"
