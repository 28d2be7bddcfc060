"""A storage with a journal, a cloud with event subscriptions, and receivers of their events.

Each subscription of a test has its own container, of the same name; see SUBSCRIPTIONS.
"""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient
from localcloud.eventgrid.deliverer import FACTOR_VARIABLE
from localcloud.home import LOOPBACK, Home, Ports, free_ports
from localcloud.inventory import Inventory
from localcloud.plain_http import no_trust
from localcloud.spec import Resource
from localcloud.storage import emulator
from localcloud.store import Store

from localcloud_tests.integration.conftest import serve, start_cloud
from localcloud_tests.integration.eventgrid.receiver import Receiver, listening
from localcloud_tests.resources import (
    ACCOUNT_KEY,
    CONTAINER,
    SITE_ID,
    STORAGE,
    STORAGE_ID,
    SYSTEM_TOPIC_ID,
    TOPIC_ID,
    blob_url,
    dead_letters,
    function,
    keep_key,
    resource,
    subscription,
    webhook,
)

SYSTEM_KEY = "the-system-key"


def client(home: Home) -> BlobServiceClient:
    """A client that authenticates with the account's key."""
    return BlobServiceClient(
        blob_url(home), credential=ACCOUNT_KEY, connection_verify=str(home.ca_bundle), proxies=home.proxies
    )


FUNCTION = "on_blob_created"
SECOND = "secondaccount"
SECOND_ID = f"{STORAGE_ID.rpartition('/')[0]}/{SECOND}"
SECOND_TOPIC_ID = f"{SYSTEM_TOPIC_ID}-of-second"
FINISHED = [
    {"operatorType": "StringNotIn", "key": "data.api", "values": ["CreateFile", "SftpCreate"]},
    {"operatorType": "NumberNotIn", "key": "data.contentLength", "values": [0]},
]


def subscriptions(webhooks: int, absent: int) -> list[Resource]:
    def to_container(name: str, **how: Any) -> Resource:
        batches = how.pop("batches", {})
        url = how.pop("url", f"http://{LOOPBACK}:{webhooks}/{name}")
        properties = {
            "destination": webhook(url, **batches),
            "filter": {"subjectBeginsWith": f"/blobServices/default/containers/{name}/blobs/"},
            "deadLetterWithResourceIdentity": dead_letters(),
        }
        return subscription(name, **properties | how)

    published = webhook(f"http://{LOOPBACK}:{webhooks}/published")
    second = f"{SECOND_TOPIC_ID}/eventSubscriptions/second"
    return [
        Resource(SECOND_ID, STORAGE, "2025-08-01"),
        resource(f"{SECOND_ID}/blobServices/default/containers/everything", "2025-08-01"),
        resource(SECOND_TOPIC_ID, "2025-02-15", source=SECOND_ID),
        resource(second, "2025-02-15", destination=webhook(f"http://{LOOPBACK}:{webhooks}/second")),
        *subscriptions_of_the_app(),
        to_container("everything"),
        to_container("cloudevents", eventDeliverySchema="CloudEventSchemaV1_0"),
        to_container("batches", batches={"maxEventsPerBatch": 10}),
        to_container("impatient", retryPolicy={"maxDeliveryAttempts": 2}),
        to_container(
            "tables",
            filter={
                "subjectBeginsWith": "/blobServices/default/containers/tables/blobs/datasets/",
                "advancedFilters": [
                    {"operatorType": "StringEndsWith", "key": "subject", "values": [".csv", ".csv.gz"]}
                ],
            },
        ),
        to_container("absent", url=f"http://{LOOPBACK}:{absent}/absent"),
        subscription("published", TOPIC_ID, destination=published),
    ]


def subscriptions_of_the_app() -> list[Resource]:
    """Subscriptions of one function to tables and to models, in two folders of one container."""
    blobs = f"/blobServices/default/containers/{CONTAINER}/blobs"
    tables = {"operatorType": "StringEndsWith", "key": "subject", "values": [".csv", ".csv.gz"]}
    return [
        subscription(
            "datasets",
            destination=function(FUNCTION),
            filter={
                "subjectBeginsWith": f"{blobs}/datasets/",
                "isSubjectCaseSensitive": False,
                "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
                "advancedFilters": [tables, *FINISHED],
            },
        ),
        subscription(
            "models",
            destination=function(FUNCTION),
            filter={
                "subjectBeginsWith": f"{blobs}/runs/",
                "subjectEndsWith": "/MLmodel",
                "isSubjectCaseSensitive": True,
                "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
                "advancedFilters": FINISHED,
            },
        ),
    ]


@contextmanager
def environment() -> Iterator[None]:
    """Settings for a process: quick retries, and small segments of the journal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FACTOR_VARIABLE, "0.002")
        patch.setenv("LOCALCLOUD_WRITES_SEGMENT_BYTES", "4096")
        yield


@dataclass
class Grid:
    """The running parts and their controls. `webhooks` gets all events but the app's."""

    home: Home
    webhooks: Receiver
    webhooks_port: int
    absent_port: int
    blobs: BlobServiceClient
    process: "subprocess.Popen[bytes]"
    app: Receiver = field(default_factory=Receiver)

    def container(self, name: str) -> ContainerClient:
        return self.blobs.get_container_client(name)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(
            method,
            f"{self.home.control_url}/{path}",
            json=body,
            headers={"X-Localcloud-Key": self.home.control_key},
            verify=no_trust(),
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def deliveries(self, text: str = "") -> list[dict[str, Any]]:
        value = self.control("GET", "eventgrid/deliveries")["value"]
        return [each for each in value if text in each["subject"]]

    def fault(self, action: str, subject: str, **how: Any) -> None:
        fault = {"point": "eventgrid.deliver", "action": action, "where": {"subject": subject}}
        self.control("POST", "faults", fault | how)

    def wait_for_journal(self) -> None:
        """Wait until Event Grid has read all earlier writes, which it does in the journal's order."""
        marker = f"marker-{len(self.webhooks.requests)}"
        self.container("everything").upload_blob(marker, b"", overwrite=True)
        self.webhooks.about(marker)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def start(self) -> None:
        with environment():
            self.process = start_cloud(self.home)


def write_keys(home: Home) -> None:
    keys = {"masterKey": "m", "functionKeys": {}, "systemKeys": {"eventgrid_extension": SYSTEM_KEY}}
    (home.root / "keys.json").write_text(json.dumps(keys))


def write_functions(home: Home) -> None:
    """List the app's function, as the cloud does once a host runs: here a receiver plays the host."""
    store = Store(home.root / "cloud.sqlite")
    listed = {"config": {"bindings": [{"type": "eventGridTrigger"}]}}
    Inventory(store).put("Microsoft.Web/sites/functions", f"{SITE_ID}/functions/{FUNCTION}", {}, listed)
    store.close()


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    home = Home.open(tmp_path_factory.mktemp("grid") / "cloud", Ports.free())
    webhooks, absent = free_ports(2)
    serve(home, *subscriptions(webhooks, absent))
    write_keys(home)
    write_functions(home)
    with environment():
        keep_key(home)
        azurite = asyncio.run(emulator.start(home))
    try:
        blobs = client(home)
        own = ("everything", "cloudevents", "batches", "impatient", "tables", "absent", "other")
        for name in (CONTAINER, *own):
            blobs.create_container(name)
        with (
            listening(Receiver(), webhooks) as receiver,
            listening(Receiver(), home.ports.functions) as app,
        ):
            with environment():
                cloud = start_cloud(home)
            grid = Grid(home, receiver, webhooks, absent, blobs, cloud, app)
            try:
                yield grid
            finally:
                grid.stop()
                blobs.close()
    finally:
        azurite.terminate()
        azurite.wait(timeout=20)


@pytest.fixture
def trusted_grid(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this process trust the cloud and be its person."""
    for name, value in (grid.home.trust() | grid.home.identity("person")).items():
        monkeypatch.setenv(name, value)
    return grid.home.ca_bundle
