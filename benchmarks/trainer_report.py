"""The tables of the trainer's benchmark, with a column for each size."""

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.text import Text

from benchmarks.report import RESIDENT, Section, megabytes
from benchmarks.trainer_figures import Figure, Size

LIMIT = 2.0
"""How many times as long as the reader a training of one epoch may take."""
FASTER_FROM = 10**6
"""Rows from which on the trainer must need less time and memory than the pandas code."""
PHASES = {
    "survey": "survey, with parsing",
    "epochs": "an epoch",
    "evaluation": "evaluation",
    "other": "the rest: plan, importance, …",
    "training": "all of these",
    "save": "saving",
}

Cell = Callable[[Size], str | Text]


def table(sizes: list[Size], epochs: int) -> RenderableType:
    sections = [phases(sizes), limit(sizes, epochs), user(sizes, epochs), memory(sizes, epochs)]
    return Group(*(each.render() for each in sections), Text(circumstances(sizes), style="dim"))


def section(title: str, sizes: list[Size]) -> tuple[Section, Callable[[str, Cell], None]]:
    made = Section(title, *(f"{size.rows:,}" for size in sizes))

    def row(name: str, cell: Cell) -> None:
        cells = [cell(size) for size in sizes]
        if any(cells):
            made.row(name, *cells)

    return made, row


def phases(sizes: list[Size]) -> Section:
    made, row = section("Training one epoch, rows per second, by rows", sizes)
    for phase, name in PHASES.items():
        row(name, lambda size: rate(size, size.figures["train", 1].seconds[phase]))  # noqa: B023
    row("all of these, seconds", lambda size: f"{size.figures['train', 1].whole:.2f}")
    row("saving, seconds", lambda size: f"{size.figures['train', 1].seconds['save']:.2f}")
    row("the table, MB", lambda size: f"{size.bytes / 1e6:,.0f}")
    return made


def limit(sizes: list[Size], epochs: int) -> Section:
    made, row = section("One epoch, compared with reading the same bytes once", sizes)

    def beside(what: str, judged: bool) -> Cell:
        def cell(size: Size) -> str | Text:
            ratio = size.figures["train", 1].whole / size.figures[what, 0].whole
            return passed(f"{ratio:.2f}", ratio <= LIMIT) if judged else f"{ratio:.2f}"

        return cell

    def work(size: Size) -> str:
        ours, reader = (size.figures[key].seconds["processors"] for key in (("train", 1), ("reader", 0)))
        return f"{ours / reader:.2f}"

    def many(size: Size) -> str:
        figure = size.figures.get(("train", epochs))
        return f"{figure.whole / size.figures['reader', 0].whole / epochs:.2f}" if figure else ""

    row("times the trainer's reader", beside("reader", True))
    row("times pyarrow's open_csv", beside("arrow", False))
    row("the same in processor time", work)
    row(f"{epochs} epochs: times {epochs} readings", many)
    row("the reader, rows per second", lambda size: rate(size, size.figures["reader", 0].whole))
    row("open_csv, rows per second", lambda size: rate(size, size.figures["arrow", 0].whole))
    made.remark(f"Required: at most {LIMIT:.0f} times the trainer's reader.")
    return made


def user(sizes: list[Size], epochs: int) -> Section:
    made, row = section("Compared with pandas and SGDClassifier.fit", sizes)

    def beside(number: int, of: Callable[[Figure], float]) -> Cell:
        def cell(size: Size) -> str | Text:
            ours, theirs = size.figures.get(("train", number)), size.figures.get(("pandas", number))
            if not ours or not theirs:
                return ""
            share = of(ours) / of(theirs)
            percent = f"{share:.0%}"
            return passed(percent, share < 1) if size.rows >= FASTER_FROM else percent

        return cell

    for number, name in ((1, "one epoch"), (epochs, f"{epochs} epochs")):
        row(f"time, {name}", beside(number, lambda figure: figure.whole))
        row(f"memory, {name}", beside(number, lambda figure: figure.peak))
    row("pandas, one epoch, seconds", lambda size: spent(size.figures.get(("pandas", 1))))
    row(f"pandas, {epochs} epochs, seconds", lambda size: spent(size.figures.get(("pandas", epochs))))
    row("accuracy, the trainer", lambda size: accuracy(size.figures.get(("train", 1))))
    row("accuracy, pandas", lambda size: accuracy(size.figures.get(("pandas", 1))))
    made.remark(f"Required: less than 100 % of both from {FASTER_FROM:,} rows. Accuracies after one epoch.")
    return made


def memory(sizes: list[Size], epochs: int) -> Section:
    made, row = section("Peak resident memory, imports and saving included", sizes)

    def held(what: str, number: int, judged: bool) -> Cell:
        def cell(size: Size) -> str | Text:
            figure = size.figures.get((what, number))
            if not figure:
                return ""
            peak = megabytes(figure.peak)
            return passed(peak, figure.peak <= RESIDENT) if judged else peak

        return cell

    row("the trainer, one epoch", held("train", 1, True))
    row(f"the trainer, {epochs} epochs", held("train", epochs, True))
    row("the reader alone", held("reader", 0, False))
    row("pandas, one epoch", held("pandas", 1, False))
    made.remark("Required: at most 1 GiB.")
    return made


def rate(size: Size, seconds: float) -> str:
    return f"{size.rows / seconds:,.0f}" if seconds > 0 else ""


def spent(figure: Figure | None) -> str:
    return f"{figure.whole:.2f}" if figure else ""


def accuracy(figure: Figure | None) -> str:
    return f"{figure.accuracy:.4f}" if figure and figure.accuracy is not None else ""


def passed(value: str, met: bool) -> Text:
    return Text(f"{value} {'pass' if met else 'fail'}", style="green" if met else "red")


def circumstances(sizes: list[Size]) -> str:
    figures = [figure for size in sizes for figure in size.figures.values()]
    others = sorted(figure.others for figure in figures)
    fewest, most = min(figure.times for figure in figures), max(figure.times for figure in figures)
    median = others[len(others) // 2]
    return (
        f"Each figure is the best of {fewest} to {most} processes. Meanwhile, other processes used"
        f" {median:.0f} % of the machine (median of all figures), {others[-1]:.0f} % at most: compare ratios,"
        " not seconds."
    )
