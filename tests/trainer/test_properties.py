"""Any table, however it is written, gives a model that scores its own rows, or one clear line of refusal."""

import math
import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from tests.trainer.workshop import Workshop, table
from tests.trainer.writings import PACKED, USUAL, Writing, writings
from trainer import dialect

MISSING = ["", "NA", "NaN", "null", "None", "<NA>", "n/a", "  "]
HOSTILE = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "a\nb", '"', "', \"", "ä", "%s{0}", "$x$"]
HOSTILE += [
    "prediction",
    "label",
    " ",
    "probability_u",
    "\u202e",
    "a" * 256,
    "..",
    "/",
    "\\",
    "NaN",
    "0",
    "Unnamed: 1",
    "a.1",
]
ODD_CELLS = ["inf", "-inf", "1e999", "1_000", "0x1F", "NAN", "\u0661", "-0", "1e-320", "9" * 400, '5" pipe']
ODD_CELLS += ["x" * 3000, "9999-12-31", "0000-00-00", "30.02.2026", "\t", "\x1b[31m", "\ufeff", "😀", "true "]
ODD_CELLS += [".", "-", "?", "\\N", "(null)", "n.a.", "unknown", "-999", "#DIV/0!", "1.5 kg", "½"]
ODD_CELLS += ["9999", "$ -", "#REF!", "00000000", "P1D", "2020-W60", "<", "k", "1e5k", "25:61", "Q5/20"]
ODD_CELLS += ["<b>", "'", ";", "|"]


@dataclass(frozen=True)
class Given:
    """A table, how it is written, and how it is to be trained on."""

    header: list[str]
    rows: list[list[str]]
    writing: Writing = USUAL
    label: str = ""
    arguments: tuple[str, ...] = ()
    block_bytes: int | None = None

    def data(self) -> bytes:
        return self.writing.of(self.header, self.rows)


KINDS = [
    "number",
    "small",
    "boolean",
    "category",
    "date",
    "text",
    "key",
    "count",
    "constant",
    "empty",
    "written",
]
WRITTEN = [
    "1,2%02d.50",
    "1.2%02d,50",
    "1\u202f2%02d",
    "1'2%02d",
    "$%d",
    "%d,50 €",
    "%d %%",
    "%d.5 kg",
    "(%d)",
    "%d-",
]
WRITTEN += ["0%02d", "1234567890123456%02d"]
WRITTEN += ["%dK", "1.%dM", "%d CR", "%d DR", "%d:30", "%dh 15m", "<%d", "%d+", "\u0661%d", '="%d"', "EUR %d"]
"""Numbers as people write them, and codes, which are none."""
VARIANTS = [
    ["yes", "no", "Yes ", "NO"],
    ["yes", "y", "no", "1"],
    ["1", "1.0", "01", "2"],
    ["NA", "a", "b"],
    ["None", "1", "2"],
    ["<=50K", ">50K"],
    ["<18", "18-30", "31+"],
    ["10%", "20 %", "30%"],
    ["2020-Q1", "2020-Q2"],
    ["2020-01-01", "2020-01-02"],
]
"""Labels of few classes, some of them in several writings."""
PATTERNS = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ"]
PATTERNS += [
    "%m/%d/%y %I:%M %p",
    "%d-%b-%y",
    "%B %d, %Y",
    "%a, %d %b %Y %H:%M:%S +0000",
    "%H:%M",
    "%Y%m%d",
    "%m/%Y",
    "%Y%m",
    "%G-W%V",
    "%Y-%m-%d 24:00",
]


@dataclass
class Cells:
    """Generates random cells. texts: those to choose from."""

    chance: random.Random
    texts: list[str]
    decimal: str

    def number(self) -> str:
        chance = self.chance
        value = chance.choice(
            [
                chance.randint(-5, 5),
                chance.randint(-(2**70), 2**70),
                round(chance.uniform(-100, 100), 2),
                chance.uniform(-1, 1) * 10.0 ** chance.randint(-308, 307),
            ][: chance.choice([1, 3, 4])]
        )
        return str(value).replace(".", self.decimal)

    def column(self, rows: int) -> list[str]:
        """Cells that are mostly of one kind, with gaps and some cells of another kind."""
        chance = self.chance
        kind, pattern = chance.choice(KINDS), chance.choice(PATTERNS)
        few = [chance.choice(self.texts) for _ in range(chance.randint(1, 4))]
        constant = chance.choice([*self.texts, "5", "yes", "2026-01-01"])
        shapes = chance.sample(WRITTEN, chance.choice([1, 1, 2]))
        first, step = chance.randint(-(2**53), 2**53), chance.choice([1, 1, -7])
        makes: dict[str, Callable[[int], str]] = {
            "number": lambda row: self.number(),
            "small": lambda row: str(chance.randint(0, 3)),
            "boolean": lambda row: chance.choice(["yes", "no", "True", "FALSE"]),
            "category": lambda row: chance.choice(few),
            "date": lambda row: (BIRTH + timedelta(minutes=chance.randint(0, 10**8))).strftime(pattern),
            "text": lambda row: chance.choice(self.texts) + chance.choice(self.texts),
            "key": lambda row: f"key-{row}",
            "count": lambda row: str(first + step * row),
            "constant": lambda row: constant,
            "empty": lambda row: chance.choice(MISSING),
            "written": lambda row: chance.choice(shapes) % chance.randint(0, 99),
        }
        return self.spoiled([makes[kind](row) for row in range(rows)])

    def spoiled(self, cells: list[str]) -> list[str]:
        chance = self.chance
        gaps, odd = chance.choice([0, 0, 0.1, 0.6]), chance.choice([0, 0, 0, 0.03, 0.3])
        return [
            chance.choice(MISSING)
            if chance.random() < gaps
            else chance.choice(ODD_CELLS)
            if chance.random() < odd
            else cell
            for cell in cells
        ]

    def label(self, rows: int) -> list[str]:
        """Labels that a model can mostly learn: a few classes, or numbers."""
        chance = self.chance
        kind = chance.choice(["classes", "classes", "numbers", "written", "anything"])
        if kind == "anything":
            return self.column(rows)
        if kind == "numbers":
            cells = [self.number() for _ in range(rows)]
        elif kind == "written":
            shapes = chance.sample(WRITTEN, chance.choice([1, 1, 2]))
            cells = [chance.choice(shapes) % chance.randint(0, 99) for _ in range(rows)]
        else:
            classes = chance.choice([self.texts[:3], ["0", "1", "2"], ["1.0", "2.5", "-3e2"], *VARIANTS])
            cells = [chance.choice(classes) for _ in range(rows)]
        return [chance.choice(MISSING) if chance.random() < 0.05 else cell for cell in cells]


BIRTH = datetime(1800, 1, 1, tzinfo=UTC)
SOUND = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), min_size=1, max_size=8)
NAMES = st.one_of(SOUND, st.sampled_from(["a", "b", "c", "d", "id", ""]), st.sampled_from(HOSTILE))


@st.composite
def tables(draw: st.DrawFn) -> Given:
    rows = draw(st.sampled_from([1, 3, 8, 12, 21, 40, 70]))
    names = draw(st.lists(NAMES, min_size=2, max_size=7))
    texts = draw(st.lists(st.one_of(SOUND, SOUND, SOUND, st.text(max_size=8)), min_size=3, max_size=12))
    writing = draw(writings())
    decimal = "." if writing.separator == "," else draw(st.sampled_from(".,"))
    # Cells by a generator of their own: hypothesis prefers simple ones, of which no model can be made.
    cells = Cells(random.Random(draw(st.integers(0, 2**32))), texts, decimal)
    columns = [cells.column(rows) for _ in names]
    place = draw(st.integers(0, len(names) - 1))
    columns[place] = cells.label(rows)
    arguments = [
        *("--epochs", draw(st.sampled_from(["1", "2", "3"]))),
        *("--lr", draw(st.sampled_from(["0.1", "0.1", "0.1", "10", "1e-9", "1e150"]))),
        *("--task", draw(st.sampled_from(["", "", "", "classification", "regression"]))),
        *("--algorithm", draw(st.sampled_from(["linear", "linear", "boosting", "auto"]))),
        *("--rare-classes", draw(st.sampled_from(["merge", "merge", "refuse"]))),
        *("--class-weights", draw(st.sampled_from(["equal", "equal", "balanced"]))),
        *("--min-accuracy", draw(st.sampled_from(["0", "0.5"]))),
        *("--max-rmse", draw(st.sampled_from(["0", "1"]))),
    ]
    return Given(
        header=names,
        rows=[list(row) for row in zip(*columns, strict=True)],
        writing=writing,
        label=names[place] if place + 1 < len(names) else "",
        arguments=tuple(arguments),
        block_bytes=draw(st.sampled_from([None, None, 1 << 11, 1 << 13])),
    )


def outcome_of(workshop: Workshop, case: Given) -> str:
    """Assert that a training succeeds or is refused in one clear line; return "trained" or that line."""
    data = case.data()
    name = f"data.csv{PACKED[case.writing.packing][0]}"
    training = workshop.train(
        data, *case.arguments, f"--label={case.label}", name=name, block_bytes=case.block_bytes
    )
    assert not list(training.folder.glob("training-*"))
    if training.code:
        assert training.code == 2, training.stderr
        (line,) = training.stderr.splitlines()
        assert line.startswith(f"dataset {name}: ") or line.endswith("choose a smaller lr"), line
        assert line.isprintable()
        assert len(line) < 1500
        assert not (training.folder / "mlruns").exists()
        lines = re.split(r"\r\n|\r|\n", case.writing.text_of(case.header, case.rows))
        assert all(int(row) <= len(lines) for row in re.findall(r"(?:, |: )row (\d+)", line))
        return line
    assert training.stderr == ""
    document = training.document
    assert (training.artifacts / "report.html").stat().st_size > 1000

    # What the app reads of the dataset for its smoke test, as a deployment gets it: UTF-8 and commas.
    seen = dialect.inspect_head(data, whole=True)
    assert document["dataset"]["rows"] == len(seen.rows)
    assert set(document["features"]) | set(training.dropped) | {document["label"]} == set(seen.columns)
    answer = workshop.score(training, table(seen.columns, seen.rows).encode())
    assert {len(column) for column in answer.values()} == {len(seen.rows)}
    classes = document["classes"]
    assert list(answer) == ["prediction", *(f"probability_{each}" for each in classes)]
    if classes:
        assert set(answer["prediction"]) <= set(classes)
        probabilities = [answer[f"probability_{each}"] for each in classes]
        assert all(abs(sum(row) - 1) < 1e-6 for row in zip(*probabilities, strict=True))
    else:
        assert all(math.isfinite(each) for each in answer["prediction"])
    return "trained"


@settings(
    max_examples=int(os.environ.get("TOUCHDOWN_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(case=tables())
@example(case=Given(["a", "y"], [["1", "u"], ["2", "v"]] * 3))
@example(  # the one value of a column is held out
    case=Given(
        ["a", "b"],
        [["", "0"], ["", "0"], ["", "0"], ["", "00"], ["", "0"], ["", "0"], ["-0", "00"], ["", "0"]],
        arguments=("--algorithm", "boosting", "--epochs", "1"),
    )
)
def test_a_table_is_trained_on_and_scored_or_refused_in_one_clear_line(
    workshop: Workshop, case: Given
) -> None:
    said = outcome_of(workshop, case)
    event(re.sub(r"\"[^\"]*\"|'[^']*'|\d+", "_", said.removeprefix("dataset "))[:70])
