"""One contender of the benchmark of quality, on one table, in a process of its own.

    python -m benchmarks.quality_contenders FOLDER TABLE SEED CONTENDER

It reads FOLDER/TABLE/SEED/train.csv and holdout.csv, which it writes if CONTENDER is `prepare`, and leaves
CONTENDER.npz, the predictions for the hold-out, and CONTENDER.json: seconds and the most memory.

What a practitioner does in ten minutes is done for all contenders: dates become numbers of year, month, day,
weekday, hour and the day's number; texts become categories of at most 250 levels, the rest `(other)`; texts
that are different in more than half of the rows are dropped.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before numpy is imported: each contender has one core.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

from benchmarks.quality_tables import BY_KEY, Table, divided  # noqa: E402

if TYPE_CHECKING:
    import pandas

LEVELS = 250
OTHER = "(other)"
FLAML_SECONDS = 30
PENALTIES = tuple(10.0**place for place in range(-3, 5))


def prepare(folder: Path, table: Table, seed: int) -> None:
    """Write the rows that all contenders get."""
    folder.mkdir(parents=True, exist_ok=True)
    train, hold_out = divided(table, seed)
    hold_out[[table.label]].to_csv(folder / "truth.csv", index=False)
    hold_out.drop(columns=table.label).to_csv(folder / "holdout.csv", index=False)
    train.to_csv(folder / "train.csv", index=False)


class Columns:
    """The features of a practitioner, learned from the training rows."""

    def __init__(self, train: pandas.DataFrame, dates: tuple[str, ...]) -> None:
        self.dates = dates
        texts = [name for name in train.columns if train[name].dtype == object and name not in dates]
        self.dropped = [name for name in texts if train[name].nunique() > len(train) / 2]
        self.levels = {
            name: list(train[name].astype("string").value_counts().index[:LEVELS])
            for name in texts
            if name not in self.dropped
        }

    def of(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        import pandas as pd

        found: dict[str, pandas.Series] = {}
        for name in rows.columns:
            if name in self.dropped:
                continue
            values = rows[name]
            if name in self.dates:
                times = pd.to_datetime(values, format="mixed", errors="coerce", utc=True)
                found[f"{name} day number"] = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
                for part in ("year", "month", "day", "dayofweek", "hour"):
                    found[f"{name} {part}"] = getattr(times.dt, part).astype("float64")
            elif name in self.levels:
                levels = self.levels[name]
                texts = values.astype("string")
                known = texts.where(texts.isin(levels) | texts.isna(), OTHER)
                kinds = pd.CategoricalDtype([*levels, OTHER])
                found[name] = known.astype(object).astype(kinds)
            else:
                found[name] = values.astype("float64")
        return pd.DataFrame(found)


def linear(train: Any, target: np.ndarray, task: str, _seed: int) -> Any:
    """Logistic regression with scikit-learn's default penalty; ridge with the best by leave-one-out."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()),
            make_column_selector(dtype_exclude="category"),
        ),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent", keep_empty_features=True),
                OneHotEncoder(handle_unknown="ignore"),
            ),
            make_column_selector(dtype_include="category"),
        ),
    )
    model = LogisticRegression(max_iter=1000) if task == "classification" else RidgeCV(alphas=PENALTIES)
    return make_pipeline(columns, model).fit(train, target)


def trees(train: Any, target: np.ndarray, task: str, seed: int) -> Any:
    """Histogram gradient boosting as scikit-learn has it by default."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if task == "classification" else HistGradientBoostingRegressor
    return kind(categorical_features="from_dtype", random_state=seed).fit(train, target)


def flaml(train: Any, target: np.ndarray, task: str, seed: int) -> Any:
    """FLAML for 30 seconds, on one core, by the metric that this benchmark compares."""
    from flaml import AutoML

    found = AutoML()
    found.fit(
        train,
        target,
        task=task,
        metric="log_loss" if task == "classification" else "rmse",
        time_budget=FLAML_SECONDS,
        n_jobs=1,
        seed=seed,
        verbose=0,
    )
    return found


CONTENDERS = {"plain_linear": linear, "plain_trees": trees, "flaml": flaml}


def contend(folder: Path, table: Table, seed: int, name: str) -> dict[str, Any]:
    """Fit and predict. Returns what it took."""
    import pandas as pd

    if name == "flaml":
        import flaml as _  # noqa: F401
    train = pd.read_csv(folder / "train.csv", low_memory=False, dtype=_label_type(table))
    hold_out = pd.read_csv(folder / "holdout.csv", low_memory=False)
    wall, processors = time.perf_counter(), time.process_time()
    target = train.pop(table.label).to_numpy()
    known: np.ndarray | None = None
    if table.task == "classification":
        known, target = np.unique(target.astype(str), return_inverse=True)
    columns = Columns(train, table.dates)
    model = CONTENDERS[name](columns.of(train), target, table.task, seed)
    took = {"seconds": time.perf_counter() - wall, "processors": time.process_time() - processors}
    features = columns.of(hold_out)
    if known is None:
        np.savez(folder / f"{name}.npz", answers=np.asarray(model.predict(features), dtype=np.float64))
    else:
        answers = np.asarray(model.predict_proba(features), dtype=np.float64)
        np.savez(folder / f"{name}.npz", answers=answers, classes=known)
    return took | {"peak": peak()}


def _label_type(table: Table) -> dict[str, Any]:
    return {table.label: str} if table.task == "classification" else {}


def peak() -> int:
    """The most memory that this process has used, in bytes."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in each)
    return int(line.split()[1]) * 1024


def main(cache: str, key: str, seed: str, name: str) -> None:
    table, folder = BY_KEY[key], Path(cache, key, seed)
    if name == "prepare":
        prepare(folder, table, int(seed))
        return
    took = contend(folder, table, int(seed), name)
    (folder / f"{name}.json").write_text(json.dumps(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
