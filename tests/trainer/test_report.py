"""The report of a run: the trainer's Python renders it, and a browser opens it."""

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.trainer.browser import Visit, browser
from tests.trainer.conftest import ROOT

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
QUOTE = "' onmouseover='alert(3)"
FORMULA = r"$\frac{1}{0}$ $\undefined $"
HOSTILE = [SCRIPT, IMAGE, QUOTE, FORMULA, "{{ 7 * 7 }}", "\u202egnp.exe", "line\nbreak\x00\x1b[31m", "\ud800"]
HOSTILE += [
    "",
    " ",
    "x" * 10_000,
    "名前",
    "👩‍👩‍👧",
    "&lt;b&gt;",
    "]]>",
    "</style><h1>",
    "javascript:alert(4)",
]
NAMES = ["age", *HOSTILE]
LEAK = f'column "{SCRIPT}" alone gives the label away'
PLOTS = 6
"""Figures of `classification`: interval, label, learning curve, confusion, calibration and importance."""

SERVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import report, matplotlib.figure

saved = []

class CountedFigure(matplotlib.figure.Figure):
    def savefig(self, *arguments, **keywords):
        saved.append(self)
        return super().savefig(*arguments, **keywords)

matplotlib.figure.Figure = CountedFigure
for line in sys.stdin:
    saved.clear()
    page = report.render(json.loads(line))
    print(json.dumps([len(saved), page]), flush=True)
"""

Document = dict[str, Any]
Render = Callable[[Document], str]


class Renderer:
    """A process of the trainer's Python that renders one document after the other.

    figures: how many matplotlib has drawn for the last page, which is nearly all the time that a page takes.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.figures = 0

    def __call__(self, document: Document) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(document) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the report was not rendered: the traceback is on stderr"
        self.figures, page = json.loads(answer)
        page.encode()
        return str(page)


@pytest.fixture(scope="module")
def render(trainer_python: str) -> Iterator[Renderer]:
    command = [trainer_python, "-c", SERVER, str(ROOT / "trainer")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Renderer(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def visit() -> Iterator[Visit]:
    with browser() as opened:
        yield opened


def column(place: int, name: str, kind: str) -> Document:
    line: Document = {
        "name": name,
        "kind": kind,
        "used": kind not in ("identifier", "constant"),
        "rows": 5000,
    }
    line |= {"missing": 40 * place, "distinct": 17, "range": None, "mean": None, "std": None, "top": []}
    histogram = {"edges": list(range(11)), "counts": [1, 4, 9, 30, 80, 70, 25, 8, 2, 0]}
    if kind == "number":
        return line | {"range": [0.5, 99.0], "mean": 40.25, "std": 12.5, "histogram": histogram}
    if kind == "date":
        return line | {"range": ["2019-01-03T00:00:00", "2024-11-30T23:59:00"], "histogram": histogram}
    return line | {"top": [[value, 100 - place] for place, value in enumerate(HOSTILE)], "histogram": None}


def classification() -> Document:
    kinds = ("number", "date", "category", "boolean", "identifier", "constant", "text")
    classes = ["setosa", SCRIPT, IMAGE, FORMULA]
    reason = f"accuracy 0.5 is worse than that of iris_classification:3 (0.9): {SCRIPT}"
    metrics = {"accuracy": 0.5, "macro_f1": 0.4, "log_loss": 1.5, "train_loss": 0.5, "train_accuracy": 0.7}
    return {
        "run_id": "a1b2c3",
        "dataset": f"datasets/{IMAGE}{SCRIPT}.csv",
        "etag": "0x8DC",
        "rows": 5000,
        "task": "classification",
        "algorithm": "linear",
        "label": SCRIPT,
        "classes": classes,
        "created": "2026-11-28T00:12:00+00:00",
        "metrics": metrics,
        "algorithms": {"boosting": metrics | {"accuracy": 0.45}, "linear": metrics},
        "gate": {
            "verdict": "keep_champion",
            "reasons": [reason],
            "metric": "accuracy",
            "value": 0.5,
            "floor": {"setting": "min_accuracy", "limit": 0.4, "passed": True},
            "baseline": {
                "name": "majority class",
                "value": 0.3,
                "rows": 37,
                "interval": [-0.4, -0.05],
                "passed": True,
            },
            "champion": {
                "model": "iris_classification:3",
                "rows": 30,
                "value": 0.9,
                "challenger": 0.5,
                "tolerance": 0.01,
                "interval": [0.12, 0.47],
                "passed": False,
                "error": "",
            },
        },
        "notes": [LEAK, *(f'column "{name}" was renamed' for name in (SCRIPT, IMAGE))],
        "suspicions": [LEAK],
        "dropped_columns": [{"column": name, "why": f"constant: always {IMAGE}"} for name in NAMES],
        "dropped_rows": {"missing_label": 12},
        "columns": [column(i, name, kinds[i % len(kinds)]) for i, name in enumerate(NAMES)],
        "label_profile": {"top": [[name, 1000] for name in classes]},
        "drift": {
            "champion": "iris_classification:3",
            "columns": [
                {"name": name, "psi": 0.05 * i, "flagged": 0.05 * i > 0.2, "why": ""}
                for i, name in enumerate(NAMES)
            ]
            + [{"name": "new", "psi": None, "flagged": False, "why": f"{SCRIPT} is new"}],
        },
        "learning": {
            "linear": [{"epoch": i, "loss": 1 / i, "accuracy": 1 - 1 / i} for i in range(1, 51)],
            "boosting": [{"epoch": i, "loss": 0.5 / i, "accuracy": None} for i in range(1, 1001)],
        },
        "confusion": {"classes": classes, "counts": [[9, 1, 0, 0], [0, 5, 5, 0], [1, 1, 8, 0], [0, 0, 2, 7]]},
        "residuals": None,
        "calibration": {
            "what": "predicted probability of the class answered",
            "bins": [{"predicted": 0.1 * i, "observed": 0.09 * i, "rows": 10 * i} for i in range(1, 10)],
        },
        "importance": [{"column": name, "mean": 0.2 / (i + 1), "std": 0.01} for i, name in enumerate(NAMES)],
    }


def regression() -> Document:
    truth = [float(i % 97) for i in range(2000)]
    document = classification() | {"task": "regression", "classes": [], "confusion": None}
    metrics = {"rmse": 8.1, "mae": 6.2, "r2": 0.93, "train_loss": 33.0}
    return document | {
        "metrics": metrics,
        "algorithms": {"linear": metrics},
        "label_profile": {"histogram": {"edges": [0.0, 1.0, 2.0], "counts": [3, 4]}},
        "learning": {"linear": [{"epoch": 1, "loss": 33.0, "accuracy": None}]},
        "residuals": {"truth": truth, "predicted": [value + (i % 7) - 3 for i, value in enumerate(truth)]},
        "gate": document["gate"]
        | {
            "verdict": "deploy",
            "reasons": [],
            "metric": "rmse",
            "value": 8.1,
            "floor": None,
            "baseline": {
                "name": "mean",
                "value": 30.2,
                "rows": 2000,
                "interval": [-0.8, -0.7],
                "passed": True,
            },
            "champion": None,
        },
    }


class Text(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def images(html: str) -> list[str]:
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    return [base64.b64decode(data).decode() for data in found]


# --- In a browser -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "titles"),
    [
        (
            classification(),
            ["Learning curve", "Confusion matrix", "Calibration", "Importance of the columns"],
        ),
        (
            regression(),
            ["Learning curve", "Predictions and residuals", "Calibration", "Importance of the columns"],
        ),
    ],
    ids=["classification", "regression"],
)
def test_a_browser_shows_every_plot_and_runs_nothing(
    render: Renderer, visit: Visit, tmp_path: Path, document: Document, titles: list[str]
) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(document), encoding="utf-8")
    visit.resize(1200)
    visit.open(file.as_uri())
    pictures: list[list[Any]] = visit.page.evaluate(
        "[...document.images].map(i => [i.alt, i.complete, i.naturalWidth])"
    )
    assert all(complete and width > 0 for _, complete, width in pictures)
    alts = [alt for alt, _, _ in pictures]
    assert set(titles) <= set(alts)
    drawn = [line for line in document["columns"] if line["histogram"] or line["top"]]
    plots = len(titles) + 1 + (document["gate"]["champion"] is not None)
    assert len(pictures) == plots + len(drawn)

    assert visit.page.evaluate("document.scripts.length") == 0
    assert (
        visit.page.evaluate(
            "[...document.querySelectorAll('*')].some(e => e.getAttributeNames().some(n => /^on/.test(n)))"
        )
        is False
    )
    assert SCRIPT in visit.page.evaluate(
        "[...document.querySelectorAll('td.column')].map(e => e.textContent)"
    )
    assert visit.dialogs == []
    assert visit.messages == []
    assert [url for url in visit.requests if not url.startswith("data:")] == [file.as_uri()]
    assert visit.page.screenshot(path=tmp_path / "report.png", full_page=True).startswith(b"\x89PNG")


def test_the_pages_policy_stops_a_script_that_would_get_in(
    render: Renderer, visit: Visit, tmp_path: Path
) -> None:
    # So that the test above is known to see one: the same page, with the escaping undone.
    html = render(classification())
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert escaped in html
    file = tmp_path / "report.html"
    file.write_text(html.replace(escaped, SCRIPT), encoding="utf-8")
    visit.open(file.as_uri())
    assert visit.page.evaluate("document.scripts.length") > 0
    assert any("Content Security Policy" in message for message in visit.messages)
    assert visit.dialogs == []


def test_a_narrow_window_scrolls_only_downwards(render: Renderer, visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(classification()), encoding="utf-8")
    for width in (360, 800, 1600):
        visit.resize(width)
        visit.open(file.as_uri())
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_plots_follow_the_readers_scheme(render: Renderer, visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(classification()), encoding="utf-8")
    backgrounds = []
    for dark in (False, True):
        visit.resize(1200)
        visit.page.emulate_media(color_scheme="dark" if dark else "light")
        visit.open(file.as_uri())
        backgrounds.append(visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds == ["rgb(246, 248, 250)", "rgb(13, 17, 23)"]
    assert all("prefers-color-scheme:dark" in svg for svg in images(file.read_text()))


# --- What it says -------------------------------------------------------------------------------------------


def test_what_came_from_the_data_is_text(render: Renderer) -> None:
    html = render(classification())
    read = Text(html)
    words = "".join(read.words)
    for hostile in (SCRIPT, IMAGE, QUOTE, FORMULA, "{{ 7 * 7 }}", "&lt;b&gt;", "</style><h1>"):
        assert hostile in words
    assert "script" not in read.tags
    assert not [name for name in read.attributes if name.startswith("on")]
    assert "\u202e" not in html
    assert r"\u202egnp.exe" in words
    assert r"line\nbreak\x00\x1b[31m" in words
    assert r"\ud800" in words
    for svg in images(html):
        assert "<script" not in svg
        assert "onerror=alert(2)>" not in svg


def test_a_name_in_a_plot_is_neither_markup_nor_a_formula(render: Renderer) -> None:
    (importance,) = [svg for svg in images(render(classification())) if "accuracy lost" in svg]
    assert "&lt;script&gt;alert(1)&lt;/scrip…" in importance
    assert r"$\frac{1}{0}$ $\undefin…" in importance


def test_the_verdict_comes_first_with_its_numbers_and_reasons(render: Renderer) -> None:
    words = " ".join(" ".join(Text(render(classification())).words).split())
    assert (
        words.index("Registered, not deployed")
        < words.index("accuracy 0.5 is worse")
        < words.index("Metrics On")
    )
    assert "Champion not passed 0.9 iris_classification:3" in words
    assert "Baseline passed 0.3 always the most frequent class" in words
    deployed = " ".join(" ".join(Text(render(regression())).words).split())
    assert "Earned its deployment" in deployed
    assert "Registered, not deployed" not in deployed
    assert (
        "On 2000 hold-out rows, the model is better than the baseline, always the mean, by more than chance "
        "explains (95 % interval of the difference as a share of it: -0.8 to -0.7, below 0 is better)."
    ) in deployed


def test_training_rows_that_show_what_the_hold_out_cannot_are_told_with_the_verdict(render: Renderer) -> None:
    document = regression()
    told = {"metric": "rmse", "rows": 80, "value": 8.0, "baseline": 30.0, "interval": [-0.8, -0.6]}
    document["gate"]["baseline"] |= {"rows": 9, "interval": [-0.9, 0.1], "out_of_fold": told}
    words = " ".join(" ".join(Text(render(document)).words).split())
    assert (
        "On 9 hold-out rows, the model is better than the baseline, always the mean, but chance may explain "
        "that. It does not explain how well 80 rows in all were predicted by models not trained on them: "
        "RMSE 8, without the columns 30 (95 % interval of the difference as a share of it: -0.8 to -0.6)."
    ) in words


def test_what_makes_a_model_look_too_good_is_told_once_and_before_all_else(render: Renderer) -> None:
    words = " ".join(" ".join(Text(render(classification())).words).split())
    assert words.count(LEAK) == 1
    assert words.index("Look at this first") < words.index(LEAK) < words.index("Registered, not deployed")
    assert words.index("was renamed") > words.index("Metrics On")
    assert "Look at this first" not in render(classification() | {"suspicions": []})


def test_a_champion_that_was_not_compared_is_reported(render: Renderer) -> None:
    document = classification()
    unknown = dict.fromkeys(["value", "challenger", "interval"])
    document["gate"]["champion"] |= unknown | {"passed": True, "error": "it needs the column petal"}
    assert "it needs the column petal" in render(document)


def test_drift_names_its_source_and_what_moved(render: Renderer) -> None:
    words = " ".join(" ".join(Text(render(classification())).words).split())
    drifted = words[words.index("Drift since the champion") :]
    assert "Population Stability Index; above 0.2 it is flagged" in drifted
    assert "Yurdakul and Naranjo" in drifted
    assert "13 of the columns have moved far" in drifted
    assert f"{SCRIPT} is new" in drifted


def test_thousands_of_columns_are_cut_to_the_most_important_and_counted(render: Renderer) -> None:
    document = classification()
    names = [f"column {place}" for place in range(5000)]
    document["columns"] = [column(0, name, "number") for name in names]
    document["importance"] = [{"column": name, "mean": 0.1, "std": 0.0} for name in reversed(names)]
    html = render(document)
    assert html.index("column 4999") < html.index("column 4801")
    assert "column 4799<" not in html
    assert "4,800 more columns" in html
    assert html.count('<td class="column">column ') == 200
    assert render.figures == PLOTS


@pytest.mark.parametrize("count", [1, 20, 200])
def test_matplotlib_draws_as_many_figures_for_any_number_of_columns(render: Renderer, count: int) -> None:
    """A figure takes it some 50 ms, so one for each column would take longer than a training."""
    document = classification()
    document["columns"] = [column(0, f"c{place}", "number") for place in range(count)]
    html = render(document)
    assert render.figures == PLOTS
    assert len(images(html)) == PLOTS + count


def test_the_same_document_gives_the_same_page(render: Renderer) -> None:
    assert render(classification()) == render(classification())


@pytest.mark.parametrize("count", [1, 26, 300])
def test_any_number_of_classes_has_a_confusion_matrix(render: Renderer, count: int) -> None:
    counts = [[int(i == j) for j in range(count)] for i in range(count)]
    document = {"confusion": {"classes": [f"c{i}" for i in range(count)], "counts": counts}}
    assert 'alt="Confusion matrix"' in render(document)


# --- Whatever the document lacks ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", sorted(classification()))
def test_a_part_that_is_null_is_left_out(render: Renderer, key: str) -> None:
    assert "</html>" in render(classification() | {"columns": []} | {key: None})


def test_an_empty_document_is_a_page(render: Renderer) -> None:
    assert "Not judged" in render({})


texts = st.one_of(st.text(max_size=30), st.sampled_from(HOSTILE))
amounts = st.one_of(st.none(), st.floats(), st.integers(-(10**400), 10**400), st.floats(-1, 1))
counts = st.integers(0, 10**12)
documents = st.fixed_dictionaries(
    {},
    optional={
        "task": st.sampled_from(["classification", "regression"]),
        "label": texts,
        "dataset": texts,
        "metrics": st.dictionaries(texts, amounts, max_size=4),
        "notes": st.lists(texts, max_size=3),
        "columns": st.lists(
            st.fixed_dictionaries(
                {"name": texts, "kind": texts},
                optional={
                    "rows": counts,
                    "missing": counts,
                    "distinct": st.one_of(st.none(), counts),
                    "range": st.one_of(
                        st.none(), st.lists(st.one_of(amounts, texts), min_size=2, max_size=2)
                    ),
                    "mean": amounts,
                    "std": amounts,
                    "top": st.lists(st.tuples(texts, counts), max_size=5),
                    "histogram": st.one_of(
                        st.none(),
                        st.fixed_dictionaries({"counts": st.lists(counts, max_size=12)}),
                    ),
                },
            ),
            max_size=3,
        ),
        "label_profile": st.one_of(
            st.none(),
            st.fixed_dictionaries({"top": st.lists(st.tuples(texts, counts), max_size=5)}),
            st.fixed_dictionaries(
                {
                    "histogram": st.fixed_dictionaries(
                        {"counts": st.lists(counts, max_size=3), "edges": st.lists(amounts, max_size=4)}
                    )
                }
            ),
        ),
        "learning": st.dictionaries(
            st.sampled_from(["linear", "boosting"]),
            st.lists(st.fixed_dictionaries({"epoch": st.integers(1, 99), "loss": amounts}), max_size=4),
        ),
        "residuals": st.lists(st.tuples(amounts, amounts), max_size=5).map(
            lambda pairs: {"truth": [a for a, _ in pairs], "predicted": [b for _, b in pairs]}
        ),
        "calibration": st.fixed_dictionaries(
            {
                "what": texts,
                "bins": st.lists(
                    st.fixed_dictionaries({"predicted": amounts, "observed": amounts, "rows": counts}),
                    max_size=4,
                ),
            }
        ),
        "importance": st.lists(
            st.fixed_dictionaries({"column": texts, "mean": amounts, "std": amounts}), max_size=4
        ),
        "drift": st.fixed_dictionaries(
            {
                "columns": st.lists(
                    st.fixed_dictionaries({"name": texts, "psi": st.one_of(st.none(), st.floats(0, 1e9))}),
                    max_size=4,
                )
            }
        ),
    },
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@example(document={"dataset": "\ud800"})
@given(document=documents)
def test_any_document_is_a_page_without_a_script(render: Renderer, document: Document) -> None:
    read = Text(render(document))
    assert "script" not in read.tags
    assert not [name for name in read.attributes if name.startswith("on")]
