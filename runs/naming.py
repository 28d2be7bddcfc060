"""Names: what Touchdown calls things, made valid for the service that holds them.

The rules (Azure Machine Learning, "Manage batch endpoints", "Naming rules"; see `RULES`):

    model       1..255 letters, digits, - _ .   begins with a letter or digit
    endpoint    3..32 lower-case letters, digits, -   begins with a letter, does not end with -;
                unique in the region among all customers
    deployment  the same characters and lengths, unique in its endpoint
    compute     3..24 letters, digits, -   begins with a letter, does not end with - or with -<digits>

A valid name is kept unchanged. One that has to be changed gets six hexadecimal digits of its hash, so that
two names which would become the same stay different.
"""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from runs.errors import RefusedError
from runs.text import has_control, quote

DATASETS = "datasets/"
RUNS = "runs/"
LONGEST_OWNER = 200
"""Characters of a dataset's name that a tag holds in full."""
_RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_ENDING = re.compile(r"(?P<kind>\.csv|\.tsv|\.txt)(?:\.gz|\.zip)?\Z", re.IGNORECASE)
_BLOB_NAME = re.compile(r"[^\ud800-\udfff]{1,1024}", re.DOTALL)
_NOT_IN_A_NAME = re.compile(r"[/\\]")
_MODEL_FILE = re.compile(r"runs/(?P<run>[^/]+)/[^/]+/[^/]+/artifacts/model/MLmodel")


@dataclass(frozen=True)
class Rule:
    """The rule for one kind of name. allowed: the characters, as in a regular expression's brackets."""

    pattern: re.Pattern[str]
    allowed: str
    longest: int
    lower: bool
    prefix: str


RULES = {
    "model": Rule(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}"), "A-Za-z0-9._-", 255, False, "model"),
    "endpoint": Rule(re.compile(r"[a-z](?!.*--)[a-z0-9-]{1,30}[a-z0-9]"), "a-z0-9-", 32, True, "endpoint"),
    "deployment": Rule(
        re.compile(r"[a-z](?!.*--)[a-z0-9-]{1,30}[a-z0-9]"), "a-z0-9-", 32, True, "deployment"
    ),
    "compute": Rule(
        re.compile(r"[A-Za-z](?![A-Za-z0-9-]*-\d+$)[A-Za-z0-9-]{1,22}[A-Za-z0-9]"),
        "A-Za-z0-9-",
        24,
        False,
        "compute",
    ),
}


def digest(*parts: str, length: int = 6) -> str:
    """The first `length` hexadecimal digits of a hash of `parts`; ("ab", "c") and ("a", "bc") differ."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:length]


def valid_name(kind: str, wanted: str, unique_in: str = "") -> str:
    """`wanted` made valid for `kind` by the rules above.

    unique_in: the id of what the name must be unique for, such as a workspace; the hash is then always added.
    """
    rule = RULES[kind]
    if not unique_in and rule.pattern.fullmatch(wanted):
        return wanted
    text = wanted.lower() if rule.lower else wanted
    text = re.sub(rf"[^{rule.allowed}]+", "-", text)
    text = re.sub(r"-{2,}", "-", text).strip("-._")
    if not re.match(r"[A-Za-z0-9]" if kind == "model" else r"[A-Za-z]", text):
        text = f"{rule.prefix}-{text}"
    suffix = f"-{digest(unique_in, wanted)}"
    if suffix[1:].isdigit():
        # A compute may not end with "-<digits>".
        suffix = f"-x{suffix[2:]}"
    return text[: rule.longest - len(suffix)].rstrip("-._") + suffix


def stem(dataset: str) -> str:
    """The name of a dataset's file, without `.csv` and without the ending of a compressed file.

    `a.csv`, `a.csv.gz` and `a.CSV.zip` are one table, packed in different ways, so they have one stem and, by
    default, one model and one endpoint. `a.tsv` and `a.txt` are other tables, so they keep their endings.
    """
    name = PurePosixPath(dataset).name
    ending = _ENDING.search(name)
    if not ending:
        return name
    kind = ending["kind"].lower()
    return (name[: ending.start()] + ("" if kind == ".csv" else kind)) or name


def dataset_name(path: str) -> str:
    """The name by which a dataset owns its endpoints and models; each writing of a name is the same dataset.

    It is the file's name in lower case (casefolded, in Unicode's form NFC), without the ending of a table, of
    a compressed file, and the lab's `_csv`. So `sales.csv`, `Sales.CSV.gz`, `sales.tsv` and `sales_csv.csv`
    are one dataset, "sales". They have runs of their own, by path and ETag. By default, `sales.csv`,
    `sales.csv.zip` and `sales_csv.csv` also have one model and one endpoint; a `.tsv`, a `.txt` and a name in
    other letters have others (`model_name`), all of which belong to the one dataset.

    At most 217 characters, because it becomes a tag: a longer name is cut, and gets a hash of the whole.
    """
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", PurePosixPath(path).name).casefold())
    ending = _ENDING.search(name)
    name = name[: ending.start()] if ending and ending.start() else name
    name = name.removesuffix("_csv") or name
    return name if len(name) <= LONGEST_OWNER else f"{name[:LONGEST_OWNER]}-{digest(name, length=16)}"


def model_name(dataset: str, task: str = "classification") -> str:
    """The default name of a dataset's model: `iris_csv.csv` gives `iris_classification`, as in the lab.

    `iris.tsv` gives `iris.tsv_classification`, which is another one.
    """
    name = stem(dataset)
    return valid_name("model", f"{name.removesuffix('_csv') or name}_{task}")


def endpoint_name(model: str, workspace: str) -> str:
    """The default name of a model's endpoint; `workspace` is the workspace's full id."""
    return valid_name("endpoint", model.replace("_", "-"), unique_in=f"{workspace}/{model}".lower())


def run_id(container: str, path: str, etag: str, attempt: int = 1) -> str:
    """The id of the `attempt`-th run for one content of one dataset: readable and deterministic.

    It has at most 80 characters of a-z, 0-9 and -, so that it is valid as an instance id, in a blob's path
    and in a tag.
    """
    readable = re.sub(r"[^a-z0-9]+", "-", stem(path).lower()).strip("-")[:40].strip("-")
    identity = digest(container, path, etag, length=16)
    return "-".join(part for part in (readable, identity, str(attempt) if attempt > 1 else "") if part)


def deployment_name(run: str) -> str:
    """The name of a run's deployment, derived from its id so that a retry finds an earlier attempt's."""
    return f"run-{digest(run, length=16)}"


def app_folder(run_id: str) -> str:
    """The folder of what is kept about a run. Only the app may write there, so it is believed."""
    return f"app/runs/{run_id}"


def app_file(run_id: str, name: str) -> str:
    return f"{app_folder(run_id)}/{name}"


def is_run_id(text: str) -> bool:
    return bool(_RUN_ID.fullmatch(text))


def run_of_model(path: str) -> str | None:
    """The id of the run that wrote the MLmodel at `path`, or None if no run's model has that path."""
    found = _MODEL_FILE.fullmatch(path)
    return found["run"] if found and is_run_id(found["run"]) else None


def is_blob_name(path: str) -> bool:
    """Whether storage can hold a blob of that name. It cannot if half of a surrogate pair is in it."""
    return bool(_BLOB_NAME.fullmatch(path))


def is_dataset(path: str) -> bool:
    """Whether `path` is a dataset: a direct child of datasets/ whose name ends as a table's.

    That is .csv, .tsv or .txt, and .gz or .zip after it, in any case. definitions/subscriptions.json says the
    same.
    """
    name = path.removeprefix(DATASETS)
    ending = _ENDING.search(name)
    return path.startswith(DATASETS) and "/" not in name and ending is not None and ending.start() > 0


def dataset_path(name: str) -> str:
    """The path of the dataset that a person calls `name`.

    Raises RefusedError for anything but the plain name of a .csv, .tsv or .txt file, or of a compressed one.
    """
    path = f"{DATASETS}{name}"
    known = is_dataset(path) and is_blob_name(path)
    if _NOT_IN_A_NAME.search(name) or has_control(name) or not known:
        raise RefusedError(
            "InvalidDatasetName",
            f"dataset {quote(name, 80)}: give the plain name of a .csv, .tsv or .txt file in the datasets"
            " folder, without a path; .gz or .zip may follow.",
        )
    return path
