"""Names are valid for the service that they are for, whatever a person or an uploader calls things."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runs import naming
from runs.errors import RefusedError
from runs.naming import RULES, valid_name

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"

# Azure's own rules. naming.RULES may be stricter, and never laxer.
AZURE = {
    "model": re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_.]{0,254}"),
    "endpoint": re.compile(r"[a-z](?!.*-$)[a-z0-9-]{2,31}"),
    "deployment": re.compile(r"[a-z](?!.*-$)[a-z0-9-]{2,31}"),
    "compute": re.compile(r"[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9\-]{2,23}"),
}
HOSTILE = [
    "",
    " ",
    "-",
    "--",
    "...",
    "_",
    "a",
    "1",
    "a-",
    "-a",
    "a--b",
    "cpu-1",
    "cpu-cluster-007",
    "ENDPOINT",
    "a;touch x",
    "x y'\"$(id)",
    "../../etc",
    "a\nb",
    "名前",
    "ünï",
    "İstanbul",
    "x" * 900,
    "-" * 900,
    "9" * 40,
    "a" * 31 + "-" + "b",
]


@pytest.mark.parametrize("kind", RULES)
@given(wanted=st.text(max_size=300))
@example(wanted="")
def test_any_text_becomes_a_valid_name(kind: str, wanted: str) -> None:
    name = valid_name(kind, wanted)
    assert RULES[kind].pattern.fullmatch(name), name
    assert AZURE[kind].fullmatch(name), name


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("wanted", HOSTILE, ids=ascii)
def test_hostile_names_become_valid_names_that_stay_different(kind: str, wanted: str) -> None:
    assert AZURE[kind].fullmatch(valid_name(kind, wanted))
    assert AZURE[kind].fullmatch(valid_name(kind, wanted, unique_in=WORKSPACE))
    others = {valid_name(kind, other) for other in HOSTILE if other != wanted}
    assert valid_name(kind, wanted) not in others


@pytest.mark.parametrize("kind", RULES)
@given(wanted=st.text(string.ascii_letters + string.digits + "-_. é/", max_size=40))
def test_making_a_name_valid_twice_changes_nothing_more(kind: str, wanted: str) -> None:
    once = valid_name(kind, wanted)
    assert valid_name(kind, once) == once


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("model", "iris_classification"),
        ("model", "Iris.v2-final"),
        ("model", "7"),
        ("model", "m" * 255),
        ("endpoint", "iris"),
        ("endpoint", "iris-2"),
        ("endpoint", "e" * 32),
        ("deployment", "run-0123456789abcdef"),
        ("compute", "cpu-cluster"),
        ("compute", "CPU"),
        ("compute", "cluster1"),
        ("compute", "c" * 24),
    ],
)
def test_a_valid_name_is_kept_unchanged(kind: str, name: str) -> None:
    assert valid_name(kind, name) == name


@pytest.mark.parametrize(
    ("kind", "wanted", "begin"),
    [
        ("endpoint", "Iris", "iris-"),
        ("endpoint", "my endpoint", "my-endpoint-"),
        ("endpoint", "42", "endpoint-42-"),
        ("endpoint", "ab", "ab-"),
        ("model", "_hidden", "hidden-"),
        ("model", "wine quality", "wine-quality-"),
        ("compute", "cpu-1", "cpu-1-"),
        ("compute", "9lives", "compute-9lives-"),
        ("compute", "9X", "compute-9X-"),
        ("compute", "9-", "compute-9-"),
        ("compute", "--", "compute-"),
        ("deployment", "e" * 33, "e" * 25),
    ],
)
def test_a_changed_name_can_still_be_recognised(kind: str, wanted: str, begin: str) -> None:
    assert valid_name(kind, wanted).startswith(begin)


def test_a_compute_never_ends_with_a_hyphen_and_digits_even_when_its_hash_is_all_digits() -> None:
    digits = next(f"c {n}" for n in range(2000) if naming.digest("", f"c {n}").isdigit())
    name = valid_name("compute", digits)
    assert AZURE["compute"].fullmatch(name)
    assert name.endswith(f"-x{naming.digest('', digits)[1:]}"), "all other digits of the hash are kept"


@pytest.mark.parametrize(
    ("dataset", "model"),
    [
        ("iris_csv.csv", "iris_classification"),
        ("iris.csv", "iris_classification"),
        ("Wine-2024.csv", "Wine-2024_classification"),
        ("IRIS_CSV.CSV", "IRIS_CSV_classification"),
        ("a.b.csv", "a.b_classification"),
    ],
)
def test_a_model_is_named_after_its_file(dataset: str, model: str) -> None:
    assert naming.model_name(dataset) == model


@pytest.mark.parametrize("dataset", ["_csv.csv", "x y.csv", "名前.csv", "....csv", "n" * 900 + ".csv"])
def test_a_model_of_an_odd_file_has_a_valid_name(dataset: str) -> None:
    assert AZURE["model"].fullmatch(naming.model_name(dataset))


def test_an_endpoint_is_unique_to_its_workspace_and_the_same_every_time() -> None:
    here = naming.endpoint_name("iris_classification", WORKSPACE)
    assert here.startswith("iris-classification-")
    assert here == naming.endpoint_name("iris_classification", WORKSPACE)
    assert here != naming.endpoint_name("iris_classification", f"{WORKSPACE}2")
    assert here == naming.endpoint_name("iris_classification", WORKSPACE.upper()), "ARM ids have no case"


def test_two_models_never_share_an_endpoint_by_default() -> None:
    long = "m" * 200
    models = ["iris_a", "iris-a", "iris.a", "Iris_a", f"{long}1", f"{long}2"]
    assert len({naming.endpoint_name(model, WORKSPACE) for model in models}) == len(models)


@given(path=st.text(max_size=1100), etag=st.text(max_size=50), attempt=st.integers(1, 10**6))
def test_a_run_id_is_valid_as_instance_id_path_and_tag(path: str, etag: str, attempt: int) -> None:
    run = naming.run_id("container", f"datasets/{path}.csv", etag, attempt)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", run)
    assert naming.is_run_id(run)
    assert naming.run_of_model(f"runs/{run}/0/ab/artifacts/model/MLmodel") == run


def test_a_run_id_is_readable_and_always_the_same() -> None:
    run = naming.run_id("c", "datasets/iris_csv.csv", "0x8DC")
    assert re.fullmatch(r"iris-csv-[0-9a-f]{16}", run)
    assert run == naming.run_id("c", "datasets/iris_csv.csv", "0x8DC", 1)
    assert naming.run_id("c", "datasets/iris_csv.csv", "0x8DC", 2) == f"{run}-2"


def test_a_run_id_begins_with_at_most_40_characters_of_the_files_name() -> None:
    whole = naming.run_id("c", f"datasets/{'n' * 40}.csv", "0x1")
    assert re.fullmatch(r"n{40}-[0-9a-f]{16}", whole)
    cut = naming.run_id("c", f"datasets/{'n' * 41}.csv", "0x1")
    assert re.fullmatch(r"n{40}-[0-9a-f]{16}", cut)
    at_a_hyphen = naming.run_id("c", f"datasets/{'n' * 39} {'m' * 9}.csv", "0x1")
    assert re.fullmatch(r"n{39}-[0-9a-f]{16}", at_a_hyphen)


@pytest.mark.parametrize(
    ("name", "model", "run"),
    [
        ("iris_csv.csv", "iris_regression", "iris-csv-"),
        ("iris_csv.csv.gz", "iris_regression", "iris-csv-"),
        ("Houses.CSV.GZ", "Houses_regression", "houses-"),
        ("a.b.csv", "a.b_regression", "a-b-"),
        ("iris.csv.zip", "iris_regression", "iris-"),
        ("IRIS.CSV.ZIP", "IRIS_regression", "iris-"),
        ("iris.tsv", "iris.tsv_regression", "iris-tsv-"),
        ("iris.TSV.gz", "iris.tsv_regression", "iris-tsv-"),
        ("iris.txt.zip", "iris.txt_regression", "iris-txt-"),
        ("_csv.csv", None, "csv-"),
    ],
)
def test_a_stem_tells_the_kind_of_table_but_not_how_it_is_packed(
    name: str, model: str | None, run: str
) -> None:
    if model:
        assert naming.model_name(name, "regression") == model
    assert re.fullmatch(rf"{run}[0-9a-f]{{16}}", naming.run_id("c", f"datasets/{name}", "0x1"))


def test_tables_of_different_kinds_never_share_model_endpoint_or_run() -> None:
    tables = ["a.csv", "a.tsv", "a.txt", "a_tsv.csv", "a-tsv.csv"]
    models = {naming.model_name(table) for table in tables}
    assert len(models) == len(tables)
    assert len({naming.endpoint_name(model, WORKSPACE) for model in models}) == len(tables)
    assert len({naming.run_id("c", f"datasets/{table}", "0x1") for table in tables}) == len(tables)


def test_container_path_and_etag_each_make_another_run() -> None:
    ids = {
        naming.run_id("c", "datasets/a.csv", "0x1"),
        naming.run_id("d", "datasets/a.csv", "0x1"),
        naming.run_id("c", "datasets/a.CSV", "0x1"),
        naming.run_id("c", "datasets/a.csv", "0x2"),
        naming.run_id("c", "datasets/a.csv0x1", ""),
        naming.run_id("c", "datasets/a .csv", "0x1"),
    }
    assert len(ids) == 6


def test_the_digest_depends_on_where_one_part_ends() -> None:
    assert naming.digest("ab", "c") != naming.digest("a", "bc") != naming.digest("abc")


def test_the_deployment_of_a_run_is_valid_and_its_own() -> None:
    names = {naming.deployment_name(f"iris-{n}") for n in range(100)}
    assert len(names) == 100
    assert all(valid_name("deployment", name) == name for name in names)


@pytest.mark.parametrize(
    "path",
    [
        "datasets/a.csv",
        "datasets/A.CSV",
        "datasets/a b;c.csv",
        "datasets/..csv",
        "datasets/名.csv",
        "datasets/a.csv.gz",
        "datasets/A.Csv.GZ",
        "datasets/.csv.csv",
        "datasets/b.csv.csv.gz",
        "datasets/a.csv.zip",
        "datasets/a.tsv",
        "datasets/A.TXT",
        "datasets/a.Tsv.Gz",
        "datasets/a.txt.ZIP",
    ],
)
def test_a_direct_child_with_the_ending_of_a_table_is_a_dataset(path: str) -> None:
    assert naming.is_dataset(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "datasets",
        "datasets/",
        "datasets/.csv",
        "datasets/a",
        "datasets/.csv.gz",
        "datasets/a.gz",
        "datasets/a.csv.gz.gz",
        "datasets/a.zip",
        "datasets/a.csv.zip.gz",
        "datasets/a.csv.bz2",
        "datasets/.tsv",
        "datasets/.txt.zip",
        "datasets/a.xlsx",
        "datasets/a.csvgz",
        "datasets/a.csv.gz\n",
        "datasets/a.csv/",
        "datasets/sub/a.csv",
        "datasets//a.csv",
        "datasets/0/run/artifacts/a.csv",
        "Datasets/a.csv",
        "datasets-old/a.csv",
        "x/datasets/a.csv",
        "/datasets/a.csv",
        "a.csv",
        "a.csv.gz",
        "runs/r/smoke/sample.csv",
        "code/1/main.py",
    ],
)
def test_no_other_path_is_a_dataset_and_least_of_all_an_output_of_a_run(path: str) -> None:
    assert not naming.is_dataset(path)


@pytest.mark.parametrize(
    "path",
    [
        "runs/r/0/ab/artifacts/model/MLmodel/",
        "runs/r/0/ab/artifacts/model/mlmodel",
        "runs/r/0/ab/artifacts/model/MLmodel\n",
        "runs/r/0/ab/artifacts/model/sub/MLmodel",
        "runs/r/ab/artifacts/model/MLmodel",
        "runs/r/0/x/ab/artifacts/model/MLmodel",
        "runs//0/ab/artifacts/model/MLmodel",
        "runs/../0/ab/artifacts/model/MLmodel",
        "runs/R/0/ab/artifacts/model/MLmodel",
        f"runs/{'r' * 81}/0/ab/artifacts/model/MLmodel",
        "runs/r'/0/ab/artifacts/model/MLmodel",
        "datasets/0/ab/artifacts/model/MLmodel",
        "x/runs/r/0/ab/artifacts/model/MLmodel",
    ],
)
def test_no_other_path_is_the_model_of_a_run(path: str) -> None:
    assert naming.run_of_model(path) is None


@pytest.mark.parametrize(
    "name", ["iris_csv.csv", "a;touch x.csv", "x y'\"$(id).csv", "100%.csv", "名前.CSV", "a.csv.gz"]
)
def test_a_plain_name_is_a_dataset_however_odd(name: str) -> None:
    assert naming.dataset_path(name) == f"datasets/{name}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".csv",
        "iris",
        "iris.xlsx",
        "../x.csv",
        "datasets/iris.csv",
        "/iris.csv",
        "sub/iris.csv",
        "sub\\iris.csv",
        "iris.csv/",
        "a\nb.csv",
        "a\0.csv",
        "a\x7f.csv",
        "\ud800.csv",
        "n" * 1012 + ".csv",
    ],
    ids=ascii,
)
def test_a_name_with_a_path_or_that_storage_cannot_hold_is_refused_with_a_message(name: str) -> None:
    with pytest.raises(RefusedError, match=r"give the plain name of a \.csv, \.tsv or \.txt file") as refused:
        naming.dataset_path(name)
    assert refused.value.code == "InvalidDatasetName"
    assert len(str(refused.value)) < 300


# --- The name of a dataset ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "sales.csv",
        "Sales.CSV",
        "sales.csv.gz",
        "SALES.Csv.ZIP",
        "sales.tsv",
        "sales.txt",
        "sales.tsv.gz",
        "sales_csv.csv",
        "SALES_CSV.txt",
    ],
)
def test_each_writing_of_a_name_is_the_same_dataset(name: str) -> None:
    assert naming.dataset_name(f"datasets/{name}") == "sales"


@pytest.mark.parametrize("one", ["straße.csv", "STRASSE.csv", "stra\u00dfe.tsv"])
def test_letters_that_differ_by_case_are_the_same(one: str) -> None:
    assert naming.dataset_name(one) == "strasse"
    assert naming.dataset_name("caf\u00e9.csv") == naming.dataset_name("CAFE\u0301.csv")


@pytest.mark.parametrize(
    "name", ["sale.csv", "sales-2.csv", "sales.csv.csv", "sales .csv", "sales_csv_csv.csv"]
)
def test_other_names_are_other_datasets(name: str) -> None:
    assert naming.dataset_name(name) != "sales"


@pytest.mark.parametrize("name", [".csv", "_csv.csv", "_csv", "a"])
def test_a_dataset_has_a_name_whatever_its_file_is_called(name: str) -> None:
    assert naming.dataset_name(name)


def test_the_name_of_a_dataset_fits_into_a_tag_and_stays_unique() -> None:
    names = [f"{'n' * 900}{number}.csv" for number in range(3)]
    found = {naming.dataset_name(name) for name in names}
    assert len(found) == 3
    assert max(map(len, found)) <= 256
    exact = "n" * naming.LONGEST_OWNER
    assert naming.dataset_name(f"{exact}.csv") == exact


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_files_with_one_default_model_are_one_dataset(task: str) -> None:
    """Otherwise the second of them would be refused the endpoint of the first."""
    names = ["a.csv", "a_csv.csv", "a.csv.zip", "A.csv", "a.tsv", "a_csv.tsv", "a_csv_csv.csv", "b.csv"]
    owners: dict[str, set[str]] = {}
    for name in names:
        owners.setdefault(naming.model_name(name, task), set()).add(naming.dataset_name(name))
    assert [each for each in owners.values() if len(each) > 1] == []
