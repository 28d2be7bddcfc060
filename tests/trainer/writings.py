"""Ways in which programs and people write a table, drawn by hypothesis: all of them at once, or none."""

import csv
import gzip
import io
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.trainer.oddities import UNITS

Rows = list[list[str]]

ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "latin-1",
    "cp1252",
    "cp1250",
]
ENCODINGS += [
    "cp1251",
    "mac_roman",
    "koi8-r",
    "shift_jis",
    "gb18030",
    "big5",
    "euc-kr",
    "iso2022_jp",
    "cp437",
]
LINE_ENDS = ["\r\n", "\r", "\n\n", "\r\r\n", "\n\r", "\u2028", "\x0b"]
SEPARATORS = ",;\t|^~\x1f\x01"


def _zip(data: bytes, names: Sequence[str] = ("data.csv",), method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name in names:
            archive.writestr(name, data)
    return out.getvalue()


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "": ("", bytes),
    "gzip": (".gz", gzip.compress),
    "gzip of two members": (
        ".gz",
        lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    ),
    "zip": (".zip", _zip),
    "zip of a Mac": (".zip", lambda data: _zip(data, ["a/", "__MACOSX/a/._b.csv", "a/b.csv"])),
    "zip without compression": (".zip", lambda data: _zip(data, method=zipfile.ZIP_STORED)),
    "zip of two": (".zip", lambda data: _zip(data, ["a.csv", "b.csv"])),
    "gzip, cut off": (".gz", lambda data: gzip.compress(data)[:-9]),
    "zip, cut off": (".zip", lambda data: _zip(data)[:-40]),
}
"""How a file is packed: what its name ends with, and how."""
ABOVE = [
    "sep={s}",
    'sep="{s}"',
    '"sep={s}"',
    "SEP = {s}",
    "sep=;",
    "sep=",
    "# exported",
    "// a{s}b",
    "%",
    "-- a",
]
ABOVE += ["REM x", "Report", "Report{s}{s}{s}", "{s}{s}{s}{s}", "", "  ", 'By: "me"', "Key{s}value", "\ufeff"]
ABOVE += [
    "A{s}B{s}C",
    "V1{s}V2",
    "2024-01-01",
    "1{s}2",
    "Person{s}Person{s}Contract",
    "# {header}",
    "{header}",
]
ABOVE += ['"Report', "a{s}b{s}c{s}d{s}e{s}f{s}g{s}h"]
BELOW = [
    "",
    "\n",
    "  ",
    "{s}{s}{s}",
    "\x1a",
    "\0\0",
    "(3 rows)",
    "(3 rows){s}{s}",
    "Total{s}3",
    "Total",
    "Sum{s}{s}",
]
BELOW += [
    "Gesamt:{s}1.234,5{s}{s}",
    "{s}17{s}",
    "3",
    "3{s}{s}{s}",
    "# end",
    "Source: me",
    '"Note: a, b"{s}{s}',
]
BELOW += [
    "{header}",
    "{row}",
    "EOF",
    "--",
    "\\.",
    "Mean{s}1.5",
    "*a{s}b",
    "x",
    'x"',
    "\u2028",
    "a{s}b{s}c{s}d{s}e{s}f{s}g{s}h",
]
QUOTES = ["", '"', "'", "“”", "„“", '=""', '"""', "«»"]
"""What stands around every cell of the rows: an opening and a closing sign, or one for both."""


@dataclass(frozen=True)
class Writing:
    """How a table is written. Texts in `above` and `below` may name the separator {s}, {header} and {row}.

    units: of UNITS, what stands below the header. wider: how many empty cells end every row; negative, if the
    header has none of them. gap: whether a column without name and values stands within the table.
    shorter: whether the header lacks its last name. headless: whether it lacks all. escape: what stands
    before a quote inside a cell. quote: see QUOTES. blanks: what stands around separators. repeat: whether
    the header stands again in the middle. whole: whether lines are quoted as a whole. edge: what stands at
    both ends of every line. cut: characters that are missing at the end.
    """

    separator: str = ","
    line_end: str = "\n"
    encoding: str = "utf-8"
    quoting: Any = csv.QUOTE_MINIMAL
    packing: str = ""
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    units: str = ""
    wider: int = 0
    gap: bool = False
    shorter: bool = False
    headless: bool = False
    escape: str = '"'
    quote: str = ""
    blanks: tuple[str, str] = ("", "")
    repeat: bool = False
    whole: bool = False
    edge: str = ""
    cut: int = 0

    def of(self, header: list[str], rows: Rows) -> bytes:
        text = self.text_of(header, rows)
        return PACKED[self.packing][1](text.encode(self.encoding, errors="replace"))

    def text_of(self, header: list[str], rows: Rows) -> str:
        text = self._text(header, rows)
        if self.cut:
            text = text[: -self.cut]
        return text.replace("\n", self.line_end)

    def _text(self, header: list[str], rows: Rows) -> str:
        names = [] if self.headless else [self._line(header[:-1] if self.shorter else header, header=True)]
        lines = [self._line(row) for row in rows]
        if self.repeat:
            lines.insert(len(lines) // 2, "".join(names))
        if self.units:
            row = [UNITS[self.units][place % 5] for place in range(len(header))]
            lines.insert(0, self._line(row))
        texts = {"s": self.separator, "header": "".join(names).strip("\n"), "row": lines[0].strip("\n")}
        above = "".join(f"{self._filled(text, texts)}\n" for text in self.above)
        return above + "".join(names + lines) + "\n".join(self._filled(text, texts) for text in self.below)

    @staticmethod
    def _filled(text: str, texts: dict[str, str]) -> str:
        for name, value in texts.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def _line(self, row: list[str], *, header: bool = False) -> str:
        cells = list(row)
        if self.gap:
            cells.insert(1, "")
        cells += [""] * (self.wider if self.wider > 0 or not header else 0)
        cells += [""] * (-self.wider if self.wider < 0 and not header else 0)
        if self.quote and not header:
            cells = [f"{self.quote[:-1] or self.quote}{cell}{self.quote[-1]}" for cell in cells]
            line = self.separator.join(cells)
        elif self.escape == '"' and self.blanks == ("", ""):
            out = io.StringIO()
            csv.writer(out, delimiter=self.separator, lineterminator="", quoting=self.quoting).writerow(cells)
            line = out.getvalue()
        else:
            before, after = self.blanks
            line = f"{after}{self.separator}{before}".join(map(self._cell, cells))
        if self.whole:
            line = '"' + line.replace('"', '""') + '"'
        return f"{self.edge}{line}{self.edge}\n"

    def _cell(self, text: str) -> str:
        if self.quoting == csv.QUOTE_ALL or any(mark in text for mark in f'"{self.separator}\r\n'):
            return '"' + text.replace('"', self.escape + '"') + '"'
        return text


USUAL = Writing()
ODD: dict[str, st.SearchStrategy[Any]] = {
    "line_end": st.sampled_from(LINE_ENDS),
    "encoding": st.sampled_from(ENCODINGS),
    "packing": st.sampled_from(sorted(PACKED)),
    "above": st.lists(st.sampled_from(ABOVE), min_size=1, max_size=4).map(tuple),
    "below": st.lists(st.sampled_from(BELOW), min_size=1, max_size=4).map(tuple),
    "units": st.sampled_from(sorted(UNITS)),
    "wider": st.sampled_from([1, 1, 3, -1, -2]),
    "gap": st.just(True),
    "shorter": st.just(True),
    "headless": st.just(True),
    "escape": st.just("\\"),
    "quote": st.sampled_from(QUOTES),
    "blanks": st.sampled_from([(" ", ""), (" ", " "), ("", " "), ("\t", "")]),
    "repeat": st.just(True),
    "whole": st.just(True),
    "edge": st.sampled_from(["|", " ", "'", '"']),
    "cut": st.sampled_from([1, 2, 5, 20]),
}


@st.composite
def writings(draw: st.DrawFn) -> Writing:
    """A usual way of writing, in which up to three things are odd."""
    # By a generator of its own: hypothesis draws the same few names too often.
    chance = random.Random(draw(st.integers(0, 2**32)))
    names = chance.sample(sorted(ODD), chance.choice([0, 0, 0, 1, 1, 1, 2, 3]))
    return Writing(
        separator=chance.choice([",", ",", ";", "\t", "|", chance.choice(SEPARATORS)]),
        quoting=chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        **{name: draw(ODD[name]) for name in names},
    )
