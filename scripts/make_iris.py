"""Write the lab's iris_csv.csv: Fisher's 150 rows, from the copy in scikit-learn.

The file is generated rather than stored in the repository, so that its origin is clear. scikit-learn keeps
the rows as text, with the class as a number, below a line of counts and the names of the classes. That file
is read without importing scikit-learn, which only the trainer's environment has; a test compares the two.
"""

import argparse
import csv
from pathlib import Path

TRAINER = Path(__file__).parents[1] / ".venv-trainer"
SOURCE = "lib/python*/site-packages/sklearn/datasets/data/iris.csv"
HEADER = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]


def rows() -> list[list[str]]:
    """The rows of Iris: four lengths in cm and the name of the species. Raises FileNotFoundError."""
    source = next(TRAINER.glob(SOURCE), None)
    if source is None:
        raise FileNotFoundError(f"{TRAINER} has no scikit-learn, whose copy of Iris is read: run make setup")
    with source.open(newline="", encoding="utf-8") as file:
        (_, _, *species), *found = csv.reader(file)
    return [[*values, species[int(number)]] for *values, number in found]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the Iris dataset as the lab's CSV.")
    parser.add_argument("path", type=Path, help="the file to write, such as iris_csv.csv")
    path: Path = parser.parse_args().path
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows())


if __name__ == "__main__":
    main()
