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
CZECH = (["Věk", "Příjem", "Město", "Odchod"], ["Plzeň", "Děčín", "Třebíč", "Žďár"], ["ano", "ne"])
UKRAINIAN = (["Вік", "Дохід", "Місто", "Відтік"], ["Київ", "Львів", "Одеса", "Чернігів"], ["так", "ні"])
ARABIC = (["العمر", "الدخل", "المدينة", "غادر"], ["القاهرة", "الرياض", "دمشق", "بغداد"], ["نعم", "لا"])
EURO = (["Größe", "Preis", "weiß", "Ziel"], ["5 €", "10 €", "7 €"], ["ja", "nein"])
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
        ("koi8-u", UKRAINIAN, "KOI8-U"),
        ("cp1250", CZECH, "Windows-1250"),
        ("iso8859-2", CZECH, "ISO 8859-2"),
        ("iso8859-6", ARABIC, "ISO 8859-6"),
        ("iso8859-15", EURO, "ISO 8859-15"),
        ("utf-32", JAPANESE, "UTF-32"),
        ("utf-32-le", GERMAN, "UTF-32"),
        ("utf-32-be", RUSSIAN, "UTF-32"),
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


def test_a_byte_that_is_not_utf_8_in_a_text_that_is_names_its_row() -> None:
    data = "".join(f"{','.join(row)}\n" for row in written(GERMAN, 30)).encode()
    spoiled = data.replace(b"Hagen", b"H\xe4gen", 1)
    row = 1 + spoiled[: spoiled.index(b"\xe4gen")].count(b"\n")
    with pytest.raises(UnreadableError, match=rf"row {row} holds a byte that is not UTF-8 text \(0xe4\)"):
        inspect_head(spoiled, whole=True)


@pytest.mark.parametrize("wrong", ["cp1252", "latin-1"])
@pytest.mark.parametrize("words", [GERMAN, FRENCH, TURKISH])
def test_texts_that_were_encoded_twice_are_kept_and_said(words: Words, wrong: str) -> None:
    table = [[cell.encode().decode(wrong, "replace") for cell in row] for row in written(words, 30)]
    found = seen(table, "utf-8")
    assert [found.columns, *found.rows] == table
    assert any(
        "look like UTF-8 that was read as Windows-1252 and saved again" in note for note in found.notes
    )


def test_letters_that_were_lost_before_are_said() -> None:
    found = seen([["a", "b", "y"], ["1", "K\ufffdln", "u"], ["2", "plain", "v"]], "utf-8")
    [note] = found.notes
    assert note.startswith("letters of the file were lost before it was uploaded: 1 are replaced by")


def test_byte_order_marks_at_the_beginnings_of_lines_are_left_out() -> None:
    found = inspect_head("\ufeff\ufeffa,b\n1,2\n\ufeff3,4\n".encode(), whole=True)
    assert [found.columns, *found.rows] == [["a", "b"], ["1", "2"], ["3", "4"]]
