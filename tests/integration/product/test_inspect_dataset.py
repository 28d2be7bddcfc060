"""The look at a dataset before anything is paid for, in real storage."""

from dataclasses import replace

import pytest

from activities import clients, records
from activities.storage import inspect_dataset, sample_path
from runs.contracts import RunRequest, Upload
from runs.errors import Refused
from runs.settings import App

pytestmark = pytest.mark.integration

GOOD = b"a,b,label\n" + b"".join(b"%d,%d,%s\n" % (n, n, b"xy"[n % 2 :][:1]) for n in range(30))


def uploaded(app: App, name: str, body: bytes, metadata: dict[str, str] | None = None) -> RunRequest:
    path = f"datasets/{name}"
    answer = clients.container().upload_blob(path, body, overwrite=True, metadata=metadata)
    etag = str(answer.get_blob_properties().etag).strip('"')
    upload = Upload(app.container, path, etag, "2026-05-01T00:00:00Z")
    return RunRequest(f"inspect-{etag.lower()}", upload, {}, "event", "2026-05-01T00:00:00Z")


def test_a_good_dataset_gets_its_settings_and_a_sample_without_the_label(app: App, unique: str) -> None:
    request = uploaded(app, f"{unique}_csv.csv", GOOD, {"epochs": "7", "owner": "somebody"})
    found = inspect_dataset(request)
    assert (found.columns, found.label, found.size) == (3, "label", len(GOOD))
    assert (found.settings.epochs, found.settings.lr) == (7, 0.1)
    assert found.settings.model_name == f"{unique}_classification"
    sample = clients.container().download_blob(sample_path(request.run_id)).readall().decode()
    assert sample.splitlines()[:2] == ["a,b", "0,0"]
    assert len(sample.splitlines()) == 21


def test_http_settings_win_over_metadata(app: App, unique: str) -> None:
    request = uploaded(app, f"{unique}.csv", GOOD, {"epochs": "7", "label": "a"})
    found = inspect_dataset(
        RunRequest(request.run_id, request.upload, {"epochs": 9}, "http", request.claimed_at)
    )
    assert (found.settings.epochs, found.label) == (9, "a")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", "InvalidDataset", "the file is empty"),
        (b" \n\n", "InvalidDataset", "the file is empty"),
        (b"a,b,label\n", "InvalidDataset", "no data row"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "InvalidDataset", "not text in UTF-8"),
        ("a,b\nä,1\n".encode("latin-1"), "InvalidDataset", "not text in UTF-8"),
        (b"only\n1\n", "InvalidDataset", "only the column 'only'"),
        (b"a,a,b\n1,2,3\n", "InvalidDataset", "names a more than once"),
        (b"a,,b\n1,2,3\n", "InvalidDataset", "column 2 has no name"),
    ],
    ids=["zero bytes", "blank", "header only", "binary", "latin-1", "one column", "twice", "nameless"],
)
def test_bad_data_is_refused_in_words(app: App, unique: str, body: bytes, code: str, words: str) -> None:
    request = uploaded(app, f"{unique}.csv", body)
    with pytest.raises(Refused) as refused:
        inspect_dataset(request)
    assert refused.value.code == code
    assert words in str(refused.value)
    assert f"dataset {unique}.csv" in str(refused.value)
    assert not list(clients.container().list_blobs(name_starts_with=f"runs/{request.run_id}/"))


def test_a_label_that_is_no_column_is_named_with_those_that_are(app: App, unique: str) -> None:
    request = uploaded(app, f"{unique}.csv", GOOD, {"label": "clas"})
    with pytest.raises(Refused) as refused:
        inspect_dataset(request)
    assert str(refused.value).startswith(
        f'dataset {unique}.csv: label column "clas" is not in the header (found: a, b, label)'
    )


def test_metadata_with_an_impossible_value_is_refused_with_what_is_possible(app: App, unique: str) -> None:
    request = uploaded(app, f"{unique}.csv", GOOD, {"epochs": "many"})
    with pytest.raises(Refused, match="metadata epochs: 'many' was given, expected a whole number from 1"):
        inspect_dataset(request)


def test_a_dataset_that_was_replaced_or_deleted_is_not_taken_for_the_one_meant(app: App, unique: str) -> None:
    request = uploaded(app, f"{unique}.csv", GOOD)
    uploaded(app, f"{unique}.csv", GOOD + b"9,9,x\n")
    with pytest.raises(Refused) as refused:
        inspect_dataset(request)
    assert refused.value.code == "DatasetReplaced"
    clients.container().delete_blob(request.upload.path)
    with pytest.raises(Refused) as refused:
        inspect_dataset(request)
    assert refused.value.code == "DatasetMissing"


def test_a_finished_run_is_not_begun_again(app: App, unique: str) -> None:
    request = uploaded(app, f"{unique}.csv", GOOD)
    records.write(replace(records.claimed(request), status="Succeeded"))
    with pytest.raises(Refused) as refused:
        inspect_dataset(request)
    assert refused.value.code == "RunEnded"


@pytest.mark.parametrize(
    "name", ["a;touch x.csv", "x y'\"$(id).csv", "100%.csv", "ünï.csv", "n" * 890 + ".csv"]
)
def test_hostile_names_are_only_names(app: App, name: str) -> None:
    found = inspect_dataset(uploaded(app, name, GOOD))
    assert found.settings.endpoint_name.replace("-", "").isalnum()


def test_only_the_first_mebibyte_is_read(app: App, unique: str) -> None:
    body = GOOD + b"1,1,x\n" * 300_000
    request = uploaded(app, f"{unique}.csv", body)
    assert inspect_dataset(request).size == len(body)
