"""Makes the MLflow models that the tests score with. Run by the nodes' Python: `train_models.py FOLDER`.

plain: "low" or "high" from two columns; slow: the same, but a prediction takes far longer than a test.
mixed: a table of several columns from columns of text and numbers, which returns what it was given.
"""

import sys
import time
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy
import pandas
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def save(model: Any, folder: Path, features: Any, labels: Any) -> None:
    model.fit(features, labels)
    signature = infer_signature(features, labels)
    mlflow.sklearn.save_model(model, str(folder), signature=signature, pip_requirements=["scikit-learn"])


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


def save_mixed(folder: Path) -> None:
    inputs = Schema([ColSpec("string", "code", required=False), ColSpec("double", "size", required=False)])
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=Mixed(),
        signature=ModelSignature(inputs=inputs),
        pip_requirements=["pandas"],
    )


def main(folder: Path) -> None:
    features = pandas.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    labels = numpy.array(["low", "low", "high", "high"])

    def dawdle(table: Any) -> Any:
        if len(table) < 4:
            time.sleep(600)
        return table

    save(LogisticRegression(), folder / "plain", features, labels)
    save(make_pipeline(FunctionTransformer(dawdle), LogisticRegression()), folder / "slow", features, labels)
    save_mixed(folder / "mixed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
