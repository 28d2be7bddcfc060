"""Which writes to real storage become events, for all names and ways of writing."""

import base64
import json
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
    generate_blob_sas,
)
from localcloud.eventgrid import journal
from localcloud.home import LOOPBACK
from localcloud.identities import PLATFORM
from localcloud.storage import clients as storage
from localcloud.tokens import Tokens

from localcloud_tests.integration.eventgrid.conftest import SECOND, SECOND_ID, Grid
from localcloud_tests.resources import ACCOUNT_KEY, STORAGE_ACCOUNT, STORAGE_ID, blob_url

pytestmark = pytest.mark.integration


@pytest.fixture
def container(grid: Grid) -> ContainerClient:
    return grid.container("everything")


def put_blocks(blob: BlobClient, *parts: bytes) -> str:
    ids = [base64.b64encode(f"{number:04}".encode()).decode() for number in range(len(parts))]
    for id_, part in zip(ids, parts, strict=True):
        blob.stage_block(id_, part)
    written = blob.commit_block_list(
        [BlobBlock(id_) for id_ in ids], content_settings=ContentSettings(content_type="text/csv")
    )
    return str(written["etag"]).strip('"')


def signed(blob: BlobClient) -> str:
    """The blob's URL with a signature that lets anyone read and write it."""
    signature = generate_blob_sas(
        STORAGE_ACCOUNT,
        blob.container_name,
        blob.blob_name,
        account_key=ACCOUNT_KEY,
        permission=BlobSasPermissions(read=True, create=True, write=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{blob.url}?{signature}"


def test_put_blob_raises_an_event_in_the_shape_that_storage_gives_it(
    grid: Grid, container: ContainerClient
) -> None:
    settings = ContentSettings(content_type="text/csv")
    blob = container.upload_blob("put/a.csv", b"a,b\n", content_settings=settings)
    current = blob.get_blob_properties()
    request = grid.webhooks.about("put/a.csv")[0]
    event = request.events[0]
    data = event["data"]
    assert event["topic"] == STORAGE_ID
    assert event["subject"] == "/blobServices/default/containers/everything/blobs/put/a.csv"
    assert event["eventType"] == "Microsoft.Storage.BlobCreated"
    assert (event["dataVersion"], event["metadataVersion"]) == ("", "1")
    assert datetime.fromisoformat(event["eventTime"]) >= current.last_modified
    assert data["api"] == "PutBlob"
    assert f'"{data["eTag"]}"' == current.etag
    assert (data["contentType"], data["contentLength"], data["blobType"]) == ("text/csv", 4, "BlockBlob")
    assert data["url"] == blob.url
    assert {"clientRequestId", "requestId", "sequencer", "accessTier"} <= data.keys()
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["aeg-event-type"] == "Notification"
    assert request.headers["aeg-subscription-name"] == "EVERYTHING"
    assert request.headers["aeg-delivery-count"] == "0"
    assert request.headers["aeg-metadata-version"] == "1"


def test_a_block_upload_raises_one_event_when_its_list_is_committed(
    grid: Grid, container: ContainerClient
) -> None:
    etag = put_blocks(container.get_blob_client("blocks/a.csv"), b"a,b\n", b"1,2\n")
    data = grid.webhooks.event("blocks/a.csv")["data"]
    assert (data["api"], data["eTag"]) == ("PutBlockList", etag)
    assert (data["contentType"], data["contentLength"], data["blobType"]) == ("text/csv", 8, "BlockBlob")


@pytest.mark.parametrize("at_once", [False, True])
def test_a_copy_raises_an_event_for_its_target(grid: Grid, container: ContainerClient, at_once: bool) -> None:
    source = container.upload_blob(f"source-{at_once}.csv", b"a,b\n")
    copy = container.get_blob_client(f"target-{at_once}.csv")
    if at_once:
        copy.start_copy_from_url(signed(source), requires_sync=True)
    else:
        copy.start_copy_from_url(signed(source))
    data = grid.webhooks.event(f"target-{at_once}")["data"]
    assert (data["api"], data["contentLength"]) == ("CopyBlob", 4)
    assert f'"{data["eTag"]}"' == copy.get_blob_properties().etag


def test_an_append_blob_raises_one_event_when_it_is_made_and_says_that_it_is_empty(
    grid: Grid, container: ContainerClient
) -> None:
    blob = container.get_blob_client("appended.csv")
    made = blob.create_append_blob()
    blob.append_block(b"a,b\n")
    blob.append_block(b"1,2\n")
    grid.wait_for_journal()
    [event] = grid.deliveries("appended.csv")
    data = grid.webhooks.event("appended.csv")["data"]
    assert event["subject"].endswith("/appended.csv")
    assert (data["api"], data["contentLength"], data["blobType"]) == ("PutBlob", 0, "AppendBlob")
    assert f'"{data["eTag"]}"' == made["etag"]


def test_a_page_blob_raises_one_event_with_its_length(grid: Grid, container: ContainerClient) -> None:
    blob = container.get_blob_client("pages.csv")
    blob.create_page_blob(512)
    blob.upload_page(b"x" * 512, 0, 512)
    grid.wait_for_journal()
    assert len(grid.deliveries("pages.csv")) == 1
    data = grid.webhooks.event("pages.csv")["data"]
    assert (data["api"], data["contentLength"], data["blobType"]) == ("PutBlob", 512, "PageBlob")


def test_storage_refuses_put_blob_from_url_and_raises_no_event(
    grid: Grid, container: ContainerClient
) -> None:
    source = container.upload_blob("put-from.csv", b"a,b\n")
    target = container.get_blob_client("put-to.csv")
    with pytest.raises(HttpResponseError) as refused:
        target.upload_blob_from_url(signed(source))
    assert refused.value.status_code == 501
    grid.wait_for_journal()
    assert grid.deliveries("put-to.csv") == []


def test_every_overwrite_is_a_new_event_with_its_own_etag_and_a_later_sequencer(
    grid: Grid, container: ContainerClient
) -> None:
    blob = container.get_blob_client("overwritten.csv")
    etags = [blob.upload_blob(bytes(size), overwrite=True)["etag"].strip('"') for size in range(3)]
    etags += [put_blocks(blob, b"x"), put_blocks(blob, b"y")]
    events = [each.events[0] for each in grid.webhooks.about("overwritten.csv", 5)]
    in_order = sorted(events, key=lambda event: str(event["data"]["sequencer"]))
    assert [event["data"]["eTag"] for event in in_order] == etags
    assert len({event["id"] for event in events}) == 5
    assert [event["data"].get("contentLength") for event in in_order[:3]] == [0, 1, 2]


NAMES = [
    "with space.csv",
    "per%cent.csv",
    "%41%2F%0A.csv",
    "quotes'\"`$(id);&.csv",
    "ünï-код-数据-🌸.csv",
    "line\nbreak\r\n2026-11-23T00:00:00.000Z x info: EndMiddleware: End response.csv",
    '{"path":"forged"}\n{"path":"forged"}.csv',
    "question?mark#hash.csv",
    "plus+and,comma=equals.csv",
    "d/e/e/p/..x/...csv",
    "back\\slash.csv",
    "n" * 900 + ".csv",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_an_event_has_the_exact_name_of_its_blob(grid: Grid, container: ContainerClient, name: str) -> None:
    etag = container.upload_blob(name, b"here").get_blob_properties().etag
    stored = name.replace("\\", "/")  # as storage does
    subject = f"/blobServices/default/containers/everything/blobs/{stored}"
    event = grid.webhooks.event(subject)
    assert event["subject"] == subject
    assert f'"{event["data"]["eTag"]}"' == etag
    url = event["data"]["url"]
    assert urlsplit(url).netloc == f"{STORAGE_ACCOUNT}.blob.core.{grid.home.suffix}"
    assert unquote(urlsplit(url).path) == f"/everything/{stored}"
    assert not urlsplit(url).query


def test_an_account_named_by_the_path_is_understood(grid: Grid, container: ContainerClient) -> None:
    address = urlsplit(signed(container.get_blob_client("by-path.csv")))
    answer = httpx.put(
        f"https://{LOOPBACK}:{grid.home.ports.blob}/{STORAGE_ACCOUNT}{address.path}?{address.query}",
        content=b"a",
        headers={"x-ms-blob-type": "BlockBlob"},
        verify=ssl.create_default_context(cafile=grid.home.ca_bundle),
    )
    assert answer.status_code == 201, answer.text
    event = grid.webhooks.event("by-path.csv")
    assert event["data"]["contentLength"] == 1
    assert event["data"]["url"] == container.get_blob_client("by-path.csv").url


def test_a_deleted_blob_raises_blob_deleted_and_its_snapshots_do_not(
    grid: Grid, container: ContainerClient
) -> None:
    blob = container.upload_blob("deleted.csv", b"a")
    blob.create_snapshot()
    blob.delete_blob(delete_snapshots="only")
    blob.delete_blob()
    events = [each.events[0] for each in grid.webhooks.about("deleted.csv", 2)]
    grid.wait_for_journal()
    types = sorted(event["eventType"].rpartition(".")[2] for event in events)
    assert types == ["BlobCreated", "BlobDeleted"]
    assert len(grid.deliveries("deleted.csv")) == 2


def test_a_request_that_completes_no_write_raises_no_event(grid: Grid, container: ContainerClient) -> None:
    blob = container.upload_blob("quiet.csv", b"a")
    blob.set_blob_metadata({"label": "species"})
    blob.set_http_headers(ContentSettings(content_type="text/plain"))
    blob.set_blob_tags({"a": "b"})
    blob.acquire_lease().release()
    container.get_blob_client("quiet-staged.csv").stage_block("YQ==", b"a")
    with pytest.raises(HttpResponseError):
        container.upload_blob("quiet.csv", b"b")  # it exists
    stranger = BlobServiceClient(
        blob_url(grid.home),
        credential="bm8ga2V5",
        connection_verify=str(grid.home.ca_bundle),
        proxies=grid.home.proxies,
    )
    with stranger, pytest.raises((HttpResponseError, ValueError)):
        stranger.get_container_client("everything").upload_blob("quiet-stranger.csv", b"a")
    grid.wait_for_journal()
    assert len(grid.deliveries("quiet")) == 1


def test_a_blob_that_no_subscription_wants_raises_nothing(grid: Grid) -> None:
    grid.container("other").upload_blob("ignored.csv", b"a")
    grid.container("everything").upload_blob("wanted.csv", b"a")
    grid.wait_for_journal()
    assert grid.deliveries("ignored.csv") == []
    assert len(grid.deliveries("wanted.csv")) == 1


def test_a_filter_on_the_subject_takes_what_ends_in_one_of_several_ways(grid: Grid) -> None:
    tables = grid.container("tables")
    names = ["datasets/a.csv", "datasets/b.CSV.gz", "datasets/c.gz", "datasets/d.txt", "other/e.csv"]
    for name in names:
        tables.upload_blob(name, b"a,b\n")
    grid.wait_for_journal()
    assert {each["subject"].rpartition("blobs/")[2] for each in grid.deliveries("containers/tables")} == {
        "datasets/a.csv",
        "datasets/b.CSV.gz",
    }


def test_nothing_that_a_stranger_sends_can_forge_an_event(grid: Grid) -> None:
    forged = f"/{STORAGE_ACCOUNT}/everything/forged.csv"
    line = json.dumps({"method": "PUT", "status": 201, "path": forged, "port": grid.home.ports.blob})
    with httpx.Client(
        verify=ssl.create_default_context(cafile=grid.home.ca_bundle), proxy=grid.home.proxy
    ) as client:
        for method in ("GET", "PUT", "DELETE"):
            answer = client.request(
                method,
                f"{blob_url(grid.home)}/everything/%0A{line}%0A",
                headers={
                    "User-Agent": f"x EndMiddleware: End response. StatusCode=201 {line}",
                    "x-ms-client-request-id": line,
                    "x-ms-blob-type": "BlockBlob",
                    "Content-Type": line,
                    "Content-Length": "0",
                },
            )
            assert answer.status_code in (400, 401, 404), answer.text
    grid.wait_for_journal()
    assert grid.deliveries("forged.csv") == []


def test_what_a_client_says_of_itself_cannot_change_the_event(grid: Grid, container: ContainerClient) -> None:
    blob = container.get_blob_client("honest.csv")
    line = f'\\n{{"path":"/{STORAGE_ACCOUNT}/everything/forged-too.csv"}}'
    answer = httpx.put(
        signed(blob),
        content=b"a",
        headers={"x-ms-client-request-id": line, "User-Agent": line, "x-ms-blob-type": "BlockBlob"},
        verify=ssl.create_default_context(cafile=grid.home.ca_bundle),
        proxy=grid.home.proxy,
    )
    assert answer.status_code == 201, answer.text
    event = grid.webhooks.event("honest.csv")
    assert f'"{event["data"]["eTag"]}"' == blob.get_blob_properties().etag
    assert event["data"]["clientRequestId"] == line
    grid.wait_for_journal()
    assert grid.deliveries("forged-too.csv") == []


def test_the_journal_stays_short_and_private(grid: Grid) -> None:
    for number in range(20):
        grid.container("everything").upload_blob(f"many/{number}", b"")
    grid.wait_for_journal()
    grid.wait_for_journal()
    segments = sorted(journal.folder(grid.home).iterdir())
    assert len(segments) == 1
    assert segments[0].stat().st_mode & 0o777 == 0o600
    text = segments[0].read_text()
    assert "Bearer" not in text
    assert "sig=" not in text


def test_each_account_raises_events_for_the_subscriptions_to_its_own_system_topic(grid: Grid) -> None:
    blobs = storage.client(grid.home, Tokens(grid.home), PLATFORM, SECOND)
    with blobs.get_blob_client("everything", "of-the-second.csv") as blob:
        blob.upload_blob(b"a,b")
    event = grid.webhooks.event("of-the-second.csv")
    assert (event["topic"], event["data"]["url"]) == (SECOND_ID, blob.url)
    grid.wait_for_journal()
    (delivery,) = grid.deliveries("of-the-second.csv")
    assert delivery["subscription"] == "second"
