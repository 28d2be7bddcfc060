"""inspect_dataset, which checks a dataset before any training, against Azurite."""

import csv
import gzip
import io
import random
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContentSettings

from activities.dataset import HEAD, inspect_dataset, sample_path
from runs import naming
from runs.contracts import Dataset, RunRequest, Upload
from runs.errors import RefusedError
from services import run_store
from services.clients import Clients
from tests.integration import actors

pytestmark = pytest.mark.integration

GOOD = b"a,b,label\n" + b"".join(b"%d,%d,%s\n" % (n, n, b"xy"[n % 2 :][:1]) for n in range(30))


def uploaded(clients: Clients, name: str, body: bytes, metadata: dict[str, str] | None = None) -> RunRequest:
    path = f"datasets/{name}"
    answer = actors.uploader().upload_blob(path, body, overwrite=True, metadata=metadata)
    etag = str(answer.get_blob_properties().etag).strip('"')
    upload = Upload(clients.settings.container, path, etag, "2026-05-01T00:00:00Z")
    return RunRequest(f"inspect-{etag.lower()}", upload, {}, "event", "2026-05-01T00:00:00Z")


def inspected(request: RunRequest, clients: Clients) -> Dataset:
    """The dataset that a run goes on with, which is claimed here unless it has been."""
    run_store.claim(request, clients)
    inspection = inspect_dataset(request, clients)
    assert inspection.superseded_by == ""
    assert inspection.dataset is not None
    return inspection.dataset


def test_a_good_dataset_gets_its_settings_and_a_sample_without_the_label(
    clients: Clients, unique: str
) -> None:
    request = uploaded(clients, f"{unique}_csv.csv", GOOD, {"epochs": "7", "owner": "somebody"})
    found = inspected(request, clients)
    assert (found.columns, found.label, found.size) == (3, "label", len(GOOD))
    assert (found.settings.epochs, found.settings.lr) == (7, 0.1)
    assert found.settings.model_name == f"{unique}_classification"
    sample = clients.container.download_blob(sample_path(request.run_id)).readall().decode()
    assert sample.splitlines()[:2] == ["a,b", "0,0"]
    assert len(sample.splitlines()) == 21


def test_a_repeated_inspection_finds_the_same_and_leaves_the_same_sample(
    clients: Clients, unique: str
) -> None:
    request = uploaded(clients, f"{unique}.csv", GOOD)
    found = inspected(request, clients)
    sample = clients.container.download_blob(sample_path(request.run_id)).readall()
    assert inspected(request, clients) == found
    assert clients.container.download_blob(sample_path(request.run_id)).readall() == sample


ROWS = [
    ["größe", "farbe", "", "farbe", "art"],
    ["1.5", "rot", "x", "a\nb", "kurz"],
    ["2.25", "grün, hell", "", 'sagt "ja"', "lang"],
    ["NA", "grün; hell", "y", "c|d", "kurz"],
    ["3", "", "z", "e\tf", "lang"],
]
NAMES = ["größe", "farbe", "Unnamed: 2", "farbe.1"]


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", content)
    return packed.getvalue()


def written(separator: str, *, decimal: str = ".", end: str = "\n", after: str = "") -> str:
    rows = [[ROWS[0][0], *ROWS[0][1:]], *([row[0].replace(".", decimal), *row[1:]] for row in ROWS[1:])]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    return text.getvalue() + after


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("comma.csv", written(",").encode()),
        ("semicolon.csv", written(";").encode()),
        ("tab.csv", written("\t").encode()),
        ("pipe.csv", written("|").encode()),
        ("bom.csv", written(",").encode("utf-8-sig")),
        ("crlf.csv", written(",", end="\r\n").encode()),
        ("utf16.csv", written("\t").encode("utf-16")),
        ("latin1.csv", written(";").encode("latin-1")),
        ("trailing.csv", written(",", after="\n\n\r\n").encode()),
        ("packed.csv.gz", gzip.compress(written(",").encode())),
        ("PACKED.CSV.GZ", gzip.compress(written(";").encode("utf-16"))),
        ("table.tsv", written("\t").encode()),
        ("TABLE.Txt", written(";").encode("mac-roman")),
        ("packed.csv.zip", zipped(written(";").encode("cp1252"))),
        ("packed without saying so.csv", gzip.compress(written(",").encode())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_for_every_dialect_the_sample_has_the_raw_cells_in_a_form_that_a_deployment_reads(
    clients: Clients, unique: str, name: str, body: bytes
) -> None:
    request = uploaded(clients, f"{unique} {name}", body, {"rare_classes": "merge"})
    found = inspected(request, clients)
    assert (found.columns, found.label, found.settings.task) == (5, "art", "classification")
    assert rows_of_sample(request, clients) == [NAMES, *(row[:-1] for row in ROWS[1:])]


def rows_of_sample(request: RunRequest, clients: Clients) -> list[list[str]]:
    sample = clients.container.download_blob(sample_path(request.run_id)).readall().decode()
    return list(csv.reader(io.StringIO(sample, newline="")))


def test_the_sample_keeps_decimal_commas(clients: Clients, unique: str) -> None:
    request = uploaded(clients, f"{unique}.csv", written(";", decimal=",").encode())
    inspected(request, clients)
    assert [row[0] for row in rows_of_sample(request, clients)[1:]] == ["1,5", "2,25", "NA", "3"]


def test_the_label_decides_the_task_which_names_the_model(clients: Clients, unique: str) -> None:
    body = b"a;price\n" + b"".join(b"%d;%d,5\n" % (n, n) for n in range(30))
    found = inspected(uploaded(clients, f"{unique}.csv.gz", gzip.compress(body)), clients)
    assert (found.settings.task, found.settings.model_name) == ("regression", f"{unique}_regression")
    classes = inspected(
        uploaded(clients, f"{unique}.csv", GOOD, {"label": "a", "task": "regression"}), clients
    )
    assert (classes.label, classes.settings.task) == ("a", "regression")


@pytest.mark.parametrize(
    ("body", "metadata", "words"),
    [
        (b"a,y\n1,2.5\n2,many\n", {"task": "regression"}, 'column "y", row 3: "many" is not a number'),
        (b"a,y\n1,x\n2,\n3,\n", {}, 'column "y", row 3: the label is missing, as in 2 of 3 rows'),
        (b"a,y\n1,x\n2,x\n", {}, 'column "y", rows 2 to 3: the only label is "x"'),
        (b"a,y\n1,x\n2,x\n3,z\n", {}, 'column "y", row 4: class "z" has this one row'),
    ],
    ids=["no number", "mostly missing", "one class", "a rare class"],
)
def test_a_label_that_cannot_be_learnt_is_refused_before_any_training(
    clients: Clients, unique: str, body: bytes, metadata: dict[str, str], words: str
) -> None:
    request = uploaded(clients, f"{unique}.csv", body, metadata)
    with pytest.raises(RefusedError) as refused:
        inspected(request, clients)
    assert refused.value.code == "InvalidDataset"
    assert str(refused.value).startswith(f"dataset {unique}.csv: {words}")
    assert "\n" not in str(refused.value)


def test_http_settings_win_over_metadata(clients: Clients, unique: str) -> None:
    request = uploaded(clients, f"{unique}.csv", GOOD, {"epochs": "7", "label": "a"})
    found = inspected(
        RunRequest(request.run_id, request.upload, {"epochs": 9}, "http", request.claimed_at), clients
    )
    assert (found.settings.epochs, found.label) == (9, "a")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", "InvalidDataset", "the file is empty"),
        (b" \n\n", "InvalidDataset", "the file is empty"),
        (b"a,b,label\n", "InvalidDataset", "no data row"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "InvalidDataset", "it is a picture (PNG), not a CSV"),
        (b"only\n1\n", "InvalidDataset", "only the column 'only'"),
        (b"a,b\n1,2\n3\n", "InvalidDataset", "row 3 has 1 cells where the header has 2 columns"),
        (gzip.compress(GOOD)[:-9], "InvalidDataset", "the gzip stream is cut off"),
    ],
    ids=["zero bytes", "blank", "header only", "binary", "one column", "short row", "cut gzip"],
)
def test_bad_data_is_refused_with_an_explanation(
    clients: Clients, unique: str, body: bytes, code: str, words: str
) -> None:
    request = uploaded(clients, f"{unique}.csv", body)
    with pytest.raises(RefusedError) as refused:
        inspected(request, clients)
    assert refused.value.code == code
    assert words in str(refused.value)
    assert f"dataset {unique}.csv" in str(refused.value)
    assert not list(clients.container.list_blobs(name_starts_with=f"runs/{request.run_id}/"))


def test_a_label_in_another_case_is_its_column_and_the_trainer_gets_it_as_it_was_named(
    clients: Clients, unique: str
) -> None:
    request = uploaded(clients, f"{unique}.csv", GOOD, {"label": "LABEL"})
    dataset = inspected(request, clients)
    assert (dataset.label, dataset.settings.label) == ("LABEL", "label")


def test_a_missing_label_column_is_named_together_with_the_columns_of_the_header(
    clients: Clients, unique: str
) -> None:
    request = uploaded(clients, f"{unique}.csv", GOOD, {"label": "clas"})
    with pytest.raises(RefusedError) as refused:
        inspected(request, clients)
    assert str(refused.value).startswith(
        f'dataset {unique}.csv: label column "clas" is not in the header (found: a, b, label)'
    )


def test_metadata_with_an_invalid_value_is_refused_with_the_allowed_values(
    clients: Clients, unique: str
) -> None:
    request = uploaded(clients, f"{unique}.csv", GOOD, {"epochs": "many"})
    with pytest.raises(
        RefusedError, match='metadata epochs: "many" was given, expected a whole number from 1'
    ):
        inspected(request, clients)


def claimed(clients: Clients, name: str, body: bytes = GOOD) -> RunRequest:
    """A run that has been claimed for an upload."""
    request = uploaded(clients, name, body)
    request = replace(request, run_id=run_of(request.upload))
    assert run_store.claim(request, clients)
    return request


def run_of(upload: Upload) -> str:
    return naming.run_id(upload.container, upload.path, upload.etag)


def runs_of(clients: Clients, name: str) -> list[str]:
    return [run.run_id for run in run_store.page(50, clients, dataset=name).runs]


def holder(upload: Upload, clients: Clients) -> str:
    """The id of the run that has claimed a version of a dataset."""
    claim = run_store.read(run_of(upload), clients)
    assert claim is not None
    return claim.record.run_id


def test_a_run_takes_the_metadata_and_properties_that_were_set_after_the_upload(
    clients: Clients, unique: str
) -> None:
    request = claimed(clients, f"{unique}.csv")
    blob = actors.uploader().get_blob_client(request.upload.path)
    blob.set_blob_metadata({"epochs": "7"})
    blob.set_http_headers(ContentSettings(content_type="text/csv"))
    now = blob.get_blob_properties()
    found = inspected(request, clients)
    assert f'"{found.upload.etag}"' == now.etag != f'"{request.upload.etag}"'
    assert datetime.fromisoformat(found.upload.uploaded_at) == now.last_modified.astimezone(UTC)
    assert (found.settings.epochs, found.size) == (7, len(GOOD))
    assert inspected(request, clients) == found, "a repeated attempt finds its own claim"
    assert holder(found.upload, clients) == request.run_id
    assert runs_of(clients, f"{unique}.csv") == [request.run_id]


def test_a_run_ends_if_a_newer_upload_has_a_run(clients: Clients, unique: str) -> None:
    older = claimed(clients, f"{unique}.csv")
    newer = claimed(clients, f"{unique}.csv", GOOD + b"9,9,x\n")
    inspection = inspect_dataset(older, clients)
    assert (inspection.dataset, inspection.superseded_by) == (None, newer.run_id)
    assert inspected(newer, clients).upload == newer.upload


def test_a_run_that_comes_before_the_event_of_a_newer_upload_goes_on_with_that(
    clients: Clients, unique: str
) -> None:
    older = claimed(clients, f"{unique}.csv")
    newer = uploaded(clients, f"{unique}.csv", GOOD + b"9,9,x\n")
    found = inspected(older, clients)
    assert (found.upload.etag, found.size) == (newer.upload.etag, len(GOOD) + 6)
    assert not run_store.claim(replace(newer, run_id=run_of(newer.upload)), clients)
    assert holder(newer.upload, clients) == older.run_id
    assert runs_of(clients, f"{unique}.csv") == [older.run_id]


def test_a_run_of_an_append_blob_reads_what_was_appended_until_then(clients: Clients, unique: str) -> None:
    blob = actors.uploader().get_blob_client(f"datasets/{unique}.csv")
    etag = str(blob.create_append_blob()["etag"]).strip('"')
    upload = Upload(clients.settings.container, blob.blob_name, etag, "2026-05-01T00:00:00Z")
    request = RunRequest(run_of(upload), upload, {}, "http", "2026-05-01T00:00:00Z")
    assert run_store.claim(request, clients)
    blob.append_block(GOOD)
    assert inspected(request, clients).size == len(GOOD)


def test_a_copy_is_read_like_an_upload(clients: Clients, unique: str) -> None:
    source = uploaded(clients, f"{unique}.csv", GOOD, {"epochs": "7"})
    copy = actors.uploader().get_blob_client(f"datasets/{unique} copy.csv")
    copy.start_copy_from_url(clients.container.get_blob_client(source.upload.path).url)
    etag = str(copy.get_blob_properties().etag).strip('"')
    upload = replace(source.upload, path=copy.blob_name, etag=etag)
    found = inspected(replace(source, upload=upload), clients)
    assert (found.upload, found.settings.epochs) == (upload, 7)


def test_a_deleted_dataset_is_missing(clients: Clients, unique: str) -> None:
    request = claimed(clients, f"{unique}.csv")
    actors.publisher().delete_blob(request.upload.path)
    with pytest.raises(RefusedError) as refused:
        inspect_dataset(request, clients)
    assert refused.value.code == "DatasetMissing"


def test_a_finished_run_is_not_started_again(clients: Clients, unique: str) -> None:
    request = uploaded(clients, f"{unique}.csv", GOOD)
    run_store.write(replace(run_store.claimed(request), status="Succeeded"), clients)
    with pytest.raises(RefusedError) as refused:
        inspected(request, clients)
    assert refused.value.code == "RunEnded"


@pytest.mark.parametrize(
    "name", ["a;touch x.csv", "x y'\"$(id).csv", "100%.csv", "ünï.csv", "n" * 890 + ".csv"]
)
def test_hostile_names_are_never_interpreted(clients: Clients, name: str) -> None:
    found = inspected(uploaded(clients, name, GOOD), clients)
    assert found.settings.endpoint_name.replace("-", "").isalnum()


class Meter(RequestsTransport):  # type: ignore[misc]
    """A transport that counts the bytes of datasets that are downloaded."""

    downloaded = 0

    def send(self, request: Any, **kwargs: Any) -> Any:
        response = super().send(request, **kwargs)
        if request.method == "GET" and "/datasets/" in request.url and response.status_code == 206:
            self.downloaded += int(response.headers["Content-Length"])
        return response


@pytest.mark.parametrize("packed", [False, True])
def test_only_the_first_mib_is_read(clients: Clients, unique: str, packed: bool) -> None:
    noise = random.Random(7)
    body = GOOD + b"".join(
        b"%d,%d,x\n" % (noise.getrandbits(60), noise.getrandbits(60)) for _ in range(90_000)
    )
    body = gzip.compress(body, 1) if packed else body
    assert len(body) > HEAD
    request = uploaded(clients, f"{unique}.csv", body)
    meter = Meter()
    assert inspected(request, replace(clients, transport=meter)).size == len(body)
    assert meter.downloaded == HEAD
