"""Makes MLflow models that tests score with. Run by the nodes' Python: `train_models.py FOLDER KIND ...`.

plain: "low" or "high" from two columns; slow: the same, but a prediction takes far longer than a test.
mixed: a table of several columns from columns of text and numbers, which returns what it was given.
fitted: as plain, but scikit-learn's, whose import is half the time of a process that scores with it.
"""

import sys
import time
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy
import pandas
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema


class Plain(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Returns an array of one word for each row."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return numpy.where(model_input["a"] + model_input["b"] / 4 < 1.5, "low", "high")


class Slow(Plain):
    """Dawdles with less than four rows: only with what a test sends."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        if len(model_input) < 4:
            time.sleep(600)
        return super().predict(context, model_input, params)


class Mixed(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Returns, for each row, the values that it got, with numbers of numpy's and pandas' types and gaps."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        known = model_input["code"].isin(["007", "1"])
        return pandas.DataFrame(
            {
                "prediction": model_input["code"].where(known, None),
                "probability_a": numpy.linspace(0, 1, len(model_input)).astype("float32") / 10,
                "probability_b": model_input["size"] / 3,
                "rank": pandas.array([1, *[None] * (len(model_input) - 1)], dtype="Int64"),
                "seen": [",".join(sorted(model_input.columns))] * len(model_input),
            }
        )


def save(folder: Path, model: Any, package: str, **columns: str) -> None:
    required = not isinstance(model, Mixed)
    inputs = Schema([ColSpec(kind, name, required=required) for name, kind in columns.items()])
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=model,
        signature=ModelSignature(inputs=inputs),
        pip_requirements=[package],
    )


def save_fitted(folder: Path) -> None:
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    features = pandas.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    labels = numpy.array(["low", "low", "high", "high"])
    model = LogisticRegression().fit(features, labels)
    signature = infer_signature(features, labels)
    mlflow.sklearn.save_model(model, str(folder), signature=signature, pip_requirements=["scikit-learn"])


KINDS = {
    "plain": lambda folder: save(folder, Plain(), "scikit-learn", a="double", b="double"),
    "slow": lambda folder: save(folder, Slow(), "scikit-learn", a="double", b="double"),
    "mixed": lambda folder: save(folder, Mixed(), "pandas", code="string", size="double"),
    "fitted": save_fitted,
}


if __name__ == "__main__":
    for kind in sys.argv[2:]:
        KINDS[kind](Path(sys.argv[1], kind))
