"""The words in dates: names of months, weekdays and time zones, and two-digit years, as numbers.

This file is packaged inside the MLflow model. Nothing in it depends on the locale of the process.
"""

from __future__ import annotations

import unicodedata

PIVOT = 69
"""Two-digit years from here on are those of the 20th century, lower ones of the 21st, as POSIX reads them."""
MONTHS = (
    "jan january januar janner janv janvier ene enero gennaio janeiro januari",
    "feb february februar feber fev fevr fevrier febrero febbraio fevereiro februari",
    "mar march marz maerz mrz mars marzo marco maart mrt",
    "apr april avr avril abr abril aprile",
    "may mai mayo maggio maio mei",
    "jun june juni juin junio giugno junho",
    "jul july juli juil juillet julio luglio julho",
    "aug august aout ago agosto augustus",
    "sep sept september septembre septiembre setiembre settembre setembro",
    "oct october okt oktober octobre octubre ottobre outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember decembre dic diciembre dicembre dezembro",
)
"""Names of the months without accents, in English, German, French, Spanish, Italian, Portuguese and Dutch.

Abbreviations that are words or codes elsewhere ("set", "out", "gen") are left out.
"""
MONTHS_IN_DATES = (
    "янв января oca ocak sty stycznia styczen gen",
    "фев февраля sub subat lut lutego luty fev",
    "мар марта mart marca marzec",
    "апр апреля nis nisan kwi kwietnia kwiecien abr",
    "мая май mayis maj maja mag",
    "июн июня haz haziran cze czerwca czerwiec giu",
    "июл июля tem temmuz lip lipca lipiec lug",
    "авг августа agu agustos sie sierpnia sierpien augusti",
    "сен сентября eyl eylul wrz wrzesnia wrzesien set",
    "окт октября eki ekim paz pazdziernika pazdziernik ott out",
    "ноя ноября kas kasim lis listopada listopad",
    "дек декабря ara aralik gru grudnia grudzien desember des",
)
"""More names: Russian, Turkish, Polish, Swedish, Danish, Norwegian, and short Italian and Portuguese ones.

They are months only in a date with day and year, since alone they may be words and codes.
"""
WEEKDAYS = (
    "mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday",
    "mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag",
    "lun mar mer jeu ven sam dim lundi mardi mercredi jeudi vendredi samedi dimanche",
    "mie jue vie sab dom lunes martes miercoles jueves viernes sabado domingo",
)
"""Names of the weekdays without accents, in English, German, French and Spanish."""
WEEKDAY = frozenset(name for names in WEEKDAYS for name in names.split())
HOURS_EAST = {
    "Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2,
}  # fmt: skip
"""Time zones by name: those of RFC 2822, UTC, and central Europe's in English and German."""
HALVES = {"a": 0, "A": 0, "p": 12, "P": 12}
"""The hours before each half of the day, by the letter of AM or PM."""


def plain(word: str) -> str:
    """A word in lower case without accents."""
    lower = word.lower().replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")
    return "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))


def _numbered(months: tuple[str, ...]) -> dict[str, int]:
    return {plain(name): month for month, names in enumerate(months, start=1) for name in names.split()}


MONTH = _numbered(MONTHS)
MONTH_IN_DATE = _numbered(MONTHS_IN_DATES) | MONTH
