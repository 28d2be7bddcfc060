"""Write the lab's iris_csv.csv: Fisher's 150 rows, from the copy in scikit-learn.

The file is generated rather than stored in the repository, so that its origin is clear.
"""

import argparse
import csv
from pathlib import Path

from sklearn.datasets import load_iris

HEADER = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the Iris dataset as the lab's CSV.")
    parser.add_argument("path", type=Path, help="the file to write, such as iris_csv.csv")
    path: Path = parser.parse_args().path
    iris = load_iris()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for values, target in zip(iris.data.tolist(), iris.target.tolist(), strict=True):
            writer.writerow([*values, iris.target_names[target]])


if __name__ == "__main__":
    main()
