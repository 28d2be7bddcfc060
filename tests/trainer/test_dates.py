"""Dates and times as people write them are read as the days they stand for, and the report says how."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.workshop import Training, Workshop, table

MONTH_FIRST, DAY_FIRST, YEAR_FIRST = "month first", "day first", "year first"
TIME, COMPACT, SERIAL = "time of day", "yyyymmdd", "day number of a spreadsheet"


def pattern_of(workshop: Workshop, cells: list[str], name: str = "when") -> str:
    """The pattern of a column of dates; "" if it holds something else."""
    found: dict[str, str] = workshop.call("column_kinds", "form_of", cells, ".", name)
    return found["pattern"]


def days_of(workshop: Workshop, cells: list[Any], pattern: str) -> list[float]:
    """What the deployed model reads."""
    found: list[float] = workshop.call("touchdown_model", "days", cells, pattern)
    return found


def number(moment: datetime) -> float:
    """Days since 2000-01-01."""
    return (moment - datetime(2000, 1, 1, tzinfo=UTC)) / timedelta(days=1)


def words(text: str) -> list[str]:
    return text.split()


SHORT = words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")
LONG = words("January February March April May June July August September October November December")
GERMAN = words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember")
GERMAN_SHORT = words("Jan. Feb. Mär. Apr. Mai Jun. Jul. Aug. Sep. Okt. Nov. Dez.")
FRENCH = words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre")
FRENCH_SHORT = words("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.")
SPANISH = words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")
ITALIAN_SHORT = words("gen feb mar apr mag giu lug ago set ott nov dic")
POLISH = words(
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"
)
RUSSIAN = words("января февраля марта апреля мая июня июля августа сентября октября ноября декабря")
TURKISH = words("Ocak Şubat Mart Nisan Mayis Haziran Temmuz Ağustos Eylül Ekim Kasim Aralik")
DAYS = words("Mon Tue Wed Thu Fri Sat Sun")
GERMAN_DAYS = words("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag")


def half(m: datetime) -> str:
    return f"{m.hour % 12 or 12}:{m.minute:02}:{m.second:02} {'AM' if m.hour < 12 else 'PM'}"


def clock(m: datetime) -> str:
    return f"{m.hour:02}:{m.minute:02}:{m.second:02}"


Writer = Callable[[datetime], str]

# Each writes a day, or a second.
WITHOUT_TIME: dict[str, Writer] = {
    "yyyy-mm-dd": lambda m: f"{m:%Y-%m-%d}",
    "yyyy-m-d": lambda m: f"{m.year}-{m.month}-{m.day}",
    "yyyy/mm/dd": lambda m: f"{m:%Y/%m/%d}",
    "yyyy.mm.dd": lambda m: f"{m:%Y.%m.%d}",
    "yyyymmdd": lambda m: f"{m:%Y%m%d}",
    "yyyymmdd with a fraction": lambda m: f"{m:%Y%m%d}.0",
    "dd.mm.yyyy": lambda m: f"{m:%d.%m.%Y}",
    "d. m. yyyy": lambda m: f"{m.day}. {m.month}. {m.year}",
    "dd.mm.yy": lambda m: f"{m:%d.%m.%y}",
    "mm/dd/yyyy": lambda m: f"{m:%m/%d/%Y}",
    "m/d/yy": lambda m: f"{m.month}/{m.day}/{m:%y}",
    "dd/mm/yyyy": lambda m: f"{m:%d/%m/%Y}",
    "d/m/yy": lambda m: f"{m.day}/{m.month}/{m:%y}",
    "dd-mm-yyyy": lambda m: f"{m:%d-%m-%Y}",
    "mm-dd-yyyy": lambda m: f"{m:%m-%d-%Y}",
    "dd mm yyyy": lambda m: f"{m:%d %m %Y}",
    "d-mmm-yy": lambda m: f"{m.day}-{SHORT[m.month - 1]}-{m:%y}",
    "d-mmm-yyyy": lambda m: f"{m.day:02}-{SHORT[m.month - 1].upper()}-{m.year}",
    "SAS DATE9.": lambda m: f"{m.day:02}{SHORT[m.month - 1].upper()}{m.year}",
    "d mmmm yyyy": lambda m: f"{m.day} {LONG[m.month - 1]} {m.year}",
    "mmmm d, yyyy": lambda m: f"{LONG[m.month - 1]} {m.day}, {m.year}",
    "mmm d yyyy": lambda m: f"{SHORT[m.month - 1]} {m.day} {m.year}",
    "dth of mmmm yyyy": lambda m: f"{m.day}th of {LONG[m.month - 1]} {m.year}",
    "weekday, mmmm d, yyyy": lambda m: f"{DAYS[m.weekday()]}, {LONG[m.month - 1]} {m.day}, {m.year}",
    "yyyy-mmm-dd": lambda m: f"{m.year}-{SHORT[m.month - 1]}-{m.day:02}",
    "German": lambda m: f"{m.day}. {GERMAN[m.month - 1]} {m.year}",
    "German, short": lambda m: f"{m.day}. {GERMAN_SHORT[m.month - 1]} {m.year}",
    "German with a weekday": lambda m: f"{GERMAN_DAYS[m.weekday()]}, {m.day}. {GERMAN[m.month - 1]} {m.year}",
    "French": lambda m: f"{m.day}{'er' * (m.day == 1)} {FRENCH[m.month - 1]} {m.year}",
    "French, short": lambda m: f"{m.day} {FRENCH_SHORT[m.month - 1]} {m.year}",
    "Spanish": lambda m: f"{m.day} de {SPANISH[m.month - 1]} de {m.year}",
    "Italian, short": lambda m: f"{m.day}-{ITALIAN_SHORT[m.month - 1]}-{m.year}",
    "Polish": lambda m: f"{m.day} {POLISH[m.month - 1]} {m.year}",
    "Russian": lambda m: f"{m.day} {RUSSIAN[m.month - 1]} {m.year}",
    "Turkish": lambda m: f"{m.day} {TURKISH[m.month - 1]} {m.year}",
    "Korean": lambda m: f"{m.year}년 {m.month}월 {m.day}일",
    "Korean, with points": lambda m: f"{m.year}. {m.month}. {m.day}.",
    "week of ISO 8601": lambda m: f"{m:%G-W%V-%u}",
    "Japanese and Chinese": lambda m: f"{m.year}年{m.month}月{m.day}日",
}
WITH_TIME: dict[str, Writer] = {
    "ISO": lambda m: f"{m:%Y-%m-%d}T{clock(m)}",
    "ISO, UTC": lambda m: f"{m:%Y-%m-%d}T{clock(m)}Z",
    "ISO, in India": lambda m: f"{m + timedelta(hours=5.5):%Y-%m-%dT%H:%M:%S}+05:30",
    "yyyymmddhhmmss": lambda m: f"{m:%Y%m%d%H%M%S}",
    "m/d/yyyy h:mm:ss PM": lambda m: f"{m.month}/{m.day}/{m.year} {half(m)}",
    "mm/dd/yyyy hh:mm:ss PM": lambda m: f"{m:%m/%d/%Y} {half(m):0>11}",
    "m/d/yy, h:mm:ss PM": lambda m: f"{m.month}/{m.day}/{m:%y}, {half(m)}".replace(" AM", "\u202fAM"),
    "dd.mm.yyyy hh:mm:ss": lambda m: f"{m:%d.%m.%Y} {clock(m)}",
    "dd.mm.yyyy, hh:mm:ss Uhr": lambda m: f"{m:%d.%m.%Y}, {clock(m)} Uhr",
    "dd/mm/yyyy hh.mm.ss": lambda m: f"{m:%d/%m/%Y} {clock(m).replace(':', '.')}",
    "RFC 2822": lambda m: f"{DAYS[m.weekday()]}, {m.day:02} {SHORT[m.month - 1]} {m.year} {clock(m)} +0000",
    "RFC 1123": lambda m: f"{DAYS[m.weekday()]}, {m.day:02} {SHORT[m.month - 1]} {m.year} {clock(m)} GMT",
    "RFC 850": lambda m: f"{DAYS[m.weekday()]}, {m.day:02}-{SHORT[m.month - 1]}-{m:%y} {clock(m)} GMT",
    "ctime": lambda m: f"{DAYS[m.weekday()]} {SHORT[m.month - 1]} {m.day:2} {clock(m)} {m.year}",
    "git": lambda m: f"{DAYS[m.weekday()]} {SHORT[m.month - 1]} {m.day} {clock(m)} {m.year} +0000",
    "date(1)": lambda m: f"{DAYS[m.weekday()]} {SHORT[m.month - 1]} {m.day:2} {clock(m)} UTC {m.year}",
    "JavaScript": lambda m: (
        f"{DAYS[m.weekday()]} {SHORT[m.month - 1]} {m.day:02} {m.year} {clock(m)}"
        " GMT+0000 (Greenwich Mean Time)"
    ),
    "Apache": lambda m: f"{m.day:02}/{SHORT[m.month - 1]}/{m.year}:{clock(m)} +0000",
    "SAS DATETIME.": lambda m: f"{m.day:02}{SHORT[m.month - 1].upper()}{m.year}:{clock(m)}",
    "SQL Server": lambda m: f"{SHORT[m.month - 1]} {m.day:2} {m.year} {half(m).replace(' ', ':000')}",
    "mmmm d, yyyy at h:mm:ss PM": lambda m: f"{LONG[m.month - 1]} {m.day}, {m.year} at {half(m)}",
    "d mmm yyyy, in New York's summer": lambda m: (
        f"{(m - timedelta(hours=4)).day} {SHORT[(m - timedelta(hours=4)).month - 1]}"
        f" {(m - timedelta(hours=4)).year} {clock(m - timedelta(hours=4))} EDT"
    ),
}
WRITERS = WITHOUT_TIME | WITH_TIME
ANY_DAY = st.dates(date(1970, 1, 1), date(2067, 12, 30))
"""Days that a year of two digits can name, and that are plausible without separators."""


def moments(days: list[date], seconds: int) -> list[datetime]:
    """Some days and times, among them the 28th of a month, which tells the order of day and month."""
    firm = [*days, date(2020, 3, 28), date(1999, 12, 28), date(2021, 7, 28)]
    return [
        datetime(d.year, d.month, d.day, tzinfo=UTC) + timedelta(seconds=(seconds * place * 7919) % 86_400)
        for place, d in enumerate(firm)
    ]


@settings(max_examples=4, deadline=None)
@given(days=st.lists(ANY_DAY, min_size=1, max_size=12), seconds=st.integers(0, 86_399))
def test_a_date_in_any_format_is_the_day_that_was_written(
    workshop: Workshop, days: list[date], seconds: int
) -> None:
    for written, write in WRITERS.items():
        expected = moments(days, seconds)
        if written in WITHOUT_TIME:
            expected = [m.replace(hour=0, minute=0, second=0) for m in expected]
        cells = [write(m) for m in expected]
        pattern = pattern_of(workshop, cells)
        assert pattern, (written, cells)
        found = days_of(workshop, cells, pattern)
        assert found == days_of(workshop, [m.isoformat() for m in expected], "ISO8601"), (
            written,
            pattern,
            cells,
        )
        assert np.allclose(found, [number(m) for m in expected], rtol=0, atol=1e-9), written


TIMES: dict[str, Writer] = {
    "hh:mm:ss": clock,
    "h:mm:ss PM": half,
    "hh:mm": lambda m: f"{m:%H:%M}",
    "h:mm": lambda m: f"{m.hour}:{m.minute:02}",
    "h PM": lambda m: f"{m.hour % 12 or 12} {'am' if m.hour < 12 else 'pm'}",
    "h:mm p.m.": lambda m: f"{m.hour % 12 or 12}:{m.minute:02} {'a.m.' if m.hour < 12 else 'p.m.'}",
    "hhhmm, in France": lambda m: f"{m.hour}h{m.minute:02}",
    "hh:mm Uhr": lambda m: f"{m:%H:%M} Uhr",
    "hh.mm Uhr": lambda m: f"{m:%H.%M} Uhr",
    "hh:mm:ss.fff": lambda m: f"{m:%H:%M:%S}.000",
}


@settings(max_examples=4, deadline=None)
@given(seconds=st.lists(st.integers(0, 86_399), min_size=1, max_size=20))
def test_a_time_of_day_in_any_format_is_its_part_of_the_day(workshop: Workshop, seconds: list[int]) -> None:
    for written, write in TIMES.items():
        expected = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=each) for each in seconds]
        cells = [write(m) for m in expected]
        if "ss" not in written:
            expected = [m.replace(second=0, minute=m.minute if "mm" in written else 0) for m in expected]
        assert pattern_of(workshop, cells) == TIME, written
        parts = [(m.hour * 3600 + m.minute * 60 + m.second) / 86_400 for m in expected]
        assert days_of(workshop, cells, TIME) == parts, (written, cells)


@pytest.mark.parametrize("unit", ["seconds", "milliseconds", "microseconds", "nanoseconds"])
@settings(max_examples=6, deadline=None)
@given(seconds=st.lists(st.integers(10**8, 4 * 10**9), min_size=1, max_size=20))
def test_numbers_are_counted_since_1970_only_if_the_columns_name_says_so(
    unit: str, workshop: Workshop, seconds: list[int]
) -> None:
    zeros = {"seconds": "", "milliseconds": "000", "microseconds": "0" * 6, "nanoseconds": "0" * 9}[unit]
    cells = [f"{each}{zeros}" for each in seconds]
    pattern = f"{unit} since 1970"
    for name in ("unixReviewTime", "epoch", "created_ts", "Timestamp (ms)", "unix time"):
        assert pattern_of(workshop, cells, name) == pattern
    for name in ("amount", "parts", "lifetime", "time", "created"):
        assert pattern_of(workshop, cells, name) == ""
    found = days_of(workshop, cells, pattern)
    assert np.allclose(found, [each / 86_400 - 10_957 for each in seconds], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("Date", ["45000", "45012", "43921.5"], "day number of a spreadsheet"),
        ("Bestelldatum", ["45000", "45012"], "day number of a spreadsheet"),
        ("date_id", ["45000", "45012"], ""),
        ("updates", ["45000", "45012"], ""),
        ("income", ["45000", "45012"], ""),
        ("date", ["450", "12"], ""),
        ("n", ["20200331", "20211231"], "yyyymmdd"),
        ("n", ["20200331", "20211331"], ""),
        ("n", ["30200331", "10211231"], ""),
        ("n", ["12345678", "87654321"], ""),
        ("n", ["2020", "2021"], ""),
        ("n", [f"2020{month:02}" for month in range(1, 13)], "yyyymm"),
        ("Month", ["202001", "202112"], "yyyymm"),
        ("n", ["202001", "202112"], ""),
        ("n", [f"2020{month:02}" for month in range(1, 20)], ""),
        ("n", [*(f"202003{day}" for day in range(10, 31)), "99991231", "00000000"], "yyyymmdd"),
        ("timestamp", ["1", "2", "3"], ""),
    ],
)
def test_numbers_are_dates_only_where_nothing_speaks_against_it(
    name: str, cells: list[str], kind: str, workshop: Workshop
) -> None:
    assert pattern_of(workshop, cells, name) == kind


def test_the_day_number_of_a_spreadsheet_is_its_day(workshop: Workshop) -> None:
    days = days_of(workshop, ["43921", "36526.25"], SERIAL)
    assert days == [number(datetime(2020, 3, 31, tzinfo=UTC)), 0.25]


@pytest.mark.parametrize(
    "cells",
    [
        ["1.2.3", "1.10.2", "2.0.1"],
        ["1.2.20", "1.3.19", "2.1.18"],
        ["12-345-678", "98-765-432"],
        ["555-1234", "555-9876"],
        ["192.168.1.1", "10.0.0.1"],
        ["10-19", "20-29"],
        ["3:2", "1:0"],
        ["25:10", "61:30"],
        ["2019/20", "2020/21"],
        ["IN-01", "OUT-02", "SET-03"],
        ["Model 2020", "Audi 1999"],
        ["8 out of 29", "1 out of 10"],
        ["31 Mar", "1 Apr"],
        ["May 31 05:12:30", "Mar 30 11:12:30"],
        ["today", "now"],
        ["until 31 Mar 2020", "since 1 Apr 2020"],
        ["31.04.2020", "30.02.2020"],
        ["13/13/2020", "14/14/2020"],
        ["\u0663\u0661/\u0660\u0663/\u0662\u0660\u0662\u0660"],
        ["12 kg", "14 kg"],
    ],
    ids=lambda cells: cells[0],
)
def test_what_only_looks_like_dates_is_none(cells: list[str], workshop: Workshop) -> None:
    assert pattern_of(workshop, cells) == ""


@pytest.mark.parametrize("gap", ["\\N", ".", "unknown", "n.a."])
@pytest.mark.parametrize("written", ["yyyy-mm-dd", "d-mmm-yy", "yyyymmdd"])
def test_texts_that_stand_for_missing_may_be_any_share_of_a_column_of_dates(
    gap: str, written: str, workshop: Workshop
) -> None:
    days = [WRITERS[written](datetime(2020, 1 + n % 12, 1 + n, tzinfo=UTC)) for n in range(20)]
    assert pattern_of(workshop, [*days, *[gap] * 8])
    assert pattern_of(workshop, [*[gap] * 30, *days])


@pytest.mark.parametrize("text", ["9999-12-31", "0000-00-00", "open", "########"])
def test_a_few_texts_among_many_dates_stand_for_missing(text: str, workshop: Workshop) -> None:
    days = [f"2020-{1 + n % 12:02}-{1 + n:02}" for n in range(20)]
    assert pattern_of(workshop, [*days, *[text] * 15]) == "ISO8601"
    assert pattern_of(workshop, [*days, *[text] * 25]) == ""
    assert pattern_of(workshop, [*days[:9], *[text] * 3]) == ""


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2020-W01", date(2019, 12, 30)),
        ("2021-W01", date(2021, 1, 4)),
        ("KW 53/2020", date(2020, 12, 28)),
        ("KW53/2021", None),
        ("2020-W00", None),
        ("Q3/20", date(2020, 7, 1)),
        ("3Q2020", date(2020, 7, 1)),
        ("3. Quartal 2020", date(2020, 7, 1)),
        ("5Q20", None),
        ("Week 05, 2021", date(2021, 2, 1)),
        ("2020年12月31日 0時00分", date(2020, 12, 31)),
        ("31.12.2020 24:00", date(2021, 1, 1)),
        ("31.12.2020 24:01", None),
    ],
)
def test_weeks_and_quarters_are_their_first_day_and_24_00_ends_one(
    cell: str, day: date | None, workshop: Workshop
) -> None:
    [found] = days_of(workshop, [cell], DAY_FIRST)
    assert math.isnan(found) if day is None else found == (day - date(2000, 1, 1)).days


def test_a_two_digit_year_is_that_of_posix(workshop: Workshop) -> None:
    cells = ["31-Dec-68", "1-Jan-69", "31.12.99", "31.12.00"]
    days = days_of(workshop, cells, DAY_FIRST)
    years = [(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=day)).year for day in days]
    assert years == [2068, 1969, 1999, 2000]


def test_two_digit_years_come_first_where_that_gives_few_years(workshop: Workshop) -> None:
    cells = [f"{20 + n % 4}-{1 + n % 12:02}-{1 + n * 5 % 28:02}" for n in range(60)]
    pattern = pattern_of(workshop, cells)
    assert pattern == YEAR_FIRST
    assert days_of(workshop, cells[:1], pattern) == [number(datetime(2020, 1, 1, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["03/04/2024", "05/06/2024"], "month first"),
        (["03/04/24", "05/06/24"], "month first"),
        (["03.04.2024", "05.06.2024"], "day first"),
        (["03-04-2024", "05-06-2024"], "day first"),
        (["03/04/2024", "13/06/2024"], "day first"),
        (["03-04-2024", "05-16-2024"], "month first"),
        (["03.04.2024", "05.16.2024"], "month first"),
    ],
)
def test_the_cells_decide_the_order_of_day_and_month_and_the_separator_only_in_doubt(
    cells: list[str], order: str, workshop: Workshop
) -> None:
    assert pattern_of(workshop, cells) == order


def test_cells_that_a_caller_hands_over_as_numbers_are_read_as_their_text(workshop: Workshop) -> None:
    found = days_of(workshop, [20200331, 20200331.0, "20200331", None, math.nan], COMPACT)
    assert found[:3] == [7395.0] * 3
    assert all(map(math.isnan, found[3:]))


# --- Trainings ---------------------------------------------------------------------------------------

LINEAR = ["--algorithm", "linear", "--epochs", "5"]
MANY = 60_000
"""Rows of which the first ones fill more than a megabyte."""
FIRST_ROWS = 40_000


def columns(training: Training) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in training.json("profile.json")["columns"]}


def moment(row: int) -> datetime:
    """A moment of 2020 or 2021, in the first twelve days of a month."""
    return datetime(2020 + row % 2, 1 + row * 5 % 12, 1 + row * 7 % 12, row * 11 % 24, row % 60, tzinfo=UTC)


WRITTEN: dict[str, tuple[Writer, str]] = {
    "iso": (lambda m: m.isoformat(), ""),
    "named": (
        lambda m: f"{m:%d}-{SHORT[m.month - 1]}-{m:%y}",
        '"01-Jan-20" is read as 2020-01-01; two-digit years are those from 1969 to 2068',
    ),
    "us": (
        lambda m: f"{m.month}/{m.day}/{m.year} {half(m)}",
        '"6/8/2021 11:01:00 AM" is read as 2021-06-08T11:01:00, the month before the day, which no cell of'
        " the column decides",
    ),
    "uk": (
        lambda m: f"{m + timedelta(days=15):%d/%m/%y}",
        '"16/01/20" is read as 2020-01-16, the day before the month; two-digit years are those from 1969 to'
        " 2068",
    ),
    "at": (lambda m: f"{m:%H:%M}", '"00:00" is read as 00:00:00, a time of day'),
    "packed": (lambda m: f"{m:%Y%m%d}", '"20200101" is read as 2020-01-01'),
    "unix_time": (
        lambda m: str(int(m.timestamp())),
        '"1577836800" is read as 2020-01-01, as seconds since 1970',
    ),
}


def test_dates_as_people_write_them_are_features_and_the_report_says_how_they_were_read(
    workshop: Workshop,
) -> None:
    rows = [[write(moment(row)) for write, _ in WRITTEN.values()] for row in range(120)]
    labelled = [[*row, "early" if row[0] < "2021" else "late"] for row in rows]
    data = table([*WRITTEN, "y"], labelled)
    training = workshop.trained(data.encode(), *LINEAR)
    found = columns(training)
    assert {name: each["kind"] for name, each in found.items()} == dict.fromkeys(WRITTEN, "date")
    assert (found["at"]["range"], found["packed"]["range"]) == (
        ["00:00:00", "23:49:00"],
        ["2020-01-01", "2021-12-02"],
    )
    said = [f'column "{name}": {note}' for name, (_, note) in WRITTEN.items() if note]
    assert [note for note in training.document["notes"] if "is read as" in note] == said
    assert training.document["metrics"]["accuracy"] == 1
    answer = workshop.score(training, data.encode())
    assert answer["prediction"] == [row[-1] for row in labelled]


def late(first: Writer, then: Writer) -> bytes:
    """A table whose first megabyte is written in one way, and what follows in another.

    The first days are among the first twelve of a month, the later ones are not.
    """
    cells = [first(moment(row)) for row in range(FIRST_ROWS)]
    cells += [then(moment(row) + timedelta(days=15)) for row in range(MANY - FIRST_ROWS)]
    return table(
        ["when", "x", "y"], [[c, "x" * 20, "uv"[n * 7 % 11 > 5]] for n, c in enumerate(cells)]
    ).encode()


def british(m: datetime) -> str:
    return f"{m:%d/%m/%Y}"


def test_days_after_the_first_megabyte_decide_the_order_of_day_and_month(workshop: Workshop) -> None:
    training = workshop.trained(late(british, british), *LINEAR)
    found = columns(training)["when"]
    assert (found["kind"], found["missing"], found["range"]) == ("date", 0, ["2020-01-01", "2021-12-17"])
    assert (
        'column "when": "08/06/2021" is read as 2021-06-08, the day before the month'
        in training.document["notes"]
    )


def test_many_cells_that_stand_for_missing_leave_dates_what_they_are(workshop: Workshop) -> None:
    rows = [["." if n % 3 == 0 else clock(moment(n)), n % 5, "uv"[moment(n).hour > 12]] for n in range(90)]
    training = workshop.trained(table(["at", "x", "y"], rows).encode(), *LINEAR)
    found = columns(training)["at"]
    assert (found["kind"], found["missing"]) == ("date", 30)
    assert (
        'column "at": 30 cells are not dates and are treated as missing: "." (30)'
        in training.document["notes"]
    )


def test_eight_digits_that_are_no_dates_after_the_first_megabyte_are_numbers(workshop: Workshop) -> None:
    training = workshop.trained(late(lambda m: f"{m:%Y%m%d}", lambda m: f"9{m:%H%M}999"), *LINEAR)
    assert (columns(training)["when"]["kind"], columns(training)["when"]["missing"]) == ("number", 0)
    assert not [note for note in training.document["notes"] if "is read as" in note]
