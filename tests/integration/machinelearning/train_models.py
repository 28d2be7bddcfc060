"""Makes the MLflow models that the tests score with. Run by the trainer's Python: `train_models.py FOLDER`.

plain: "low" or "high" from two columns; slow: the same, but a prediction takes far longer than a test.
"""

import sys
import time
from pathlib import Path
from typing import Any

import mlflow.sklearn
import numpy
import pandas  # type: ignore[import-untyped]
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def save(model: Any, folder: Path, features: Any, labels: Any) -> None:
    model.fit(features, labels)
    signature = infer_signature(features, labels)
    mlflow.sklearn.save_model(model, str(folder), signature=signature, pip_requirements=["scikit-learn"])


def main(folder: Path) -> None:
    features = pandas.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    labels = numpy.array(["low", "low", "high", "high"])

    def dawdle(table: Any) -> Any:
        if len(table) < 4:
            time.sleep(600)
        return table

    save(LogisticRegression(), folder / "plain", features, labels)
    save(make_pipeline(FunctionTransformer(dawdle), LogisticRegression()), folder / "slow", features, labels)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
