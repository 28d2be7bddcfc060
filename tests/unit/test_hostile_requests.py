"""A sweep over 1,000 generated hostile names, metadata, bodies and events: each is refused, in one line.

None of them makes an error of the server, a traceback, a further line of a log, or anything in storage or in
the engine. They are the same in every run of the tests.
"""

import json
import logging
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import azure.functions as func
import pytest
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum

from runs import naming
from runs.errors import RefusedError
from runs.resolving import resolve
from runs.run_settings import RUN_SETTINGS
from services.clients import Clients
from services.logs import keep_printable
from tests.unit.engines import Engine
from tests.unit.wire import SETTINGS, Blobs, Wire
from triggers import http
from triggers.events import receive
from triggers.responses import Handler, respond

TIMES = ["2026-11-23T18:41:00Z", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", None]
"""Times of events that can be read."""
EACH = 250
"""Names, metadata, bodies and events that are generated."""
FORGED = "\r\n2026-11-30T00:00:00.000Z Information Function.on_blob_created.User run a-b promoted"
PIECES = [
    "a",
    "iris",
    "name",
    ".csv",
    ".csv.gz",
    "/",
    "\\",
    "..",
    "%0d%0a",
    "%2e%2e%2f",
    "\0",
    "\t",
    "\x1b[2J",
    "\x7f",
]
PIECES += [
    FORGED,
    "\x85",
    "\x9b31m",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\u200b",
    "\ud800",
    "\udfff",
]
PIECES += [
    "=HYPERLINK(1)",
    "<script>",
    "{0}",
    "%s",
    "%n",
    "${jndi:x}",
    "' OR 1=1",
    "`id`",
    "$(id)",
    "名",
    "😀",
    "x" * 2000,
]
PIECES += [
    "-9" * 300,
    "1e999",
    "NaN",
    "true",
    "null",
    "runs/",
    "datasets/",
    "app/",
    "/artifacts/model/MLmodel",
]
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    {"": {}},
    "",
]
DEEP = [
    "[" * 100_000,
    '{"a":' * 100_000,
    "[" * 5000 + "]" * 5000,
    '{"settings":' + "[" * 900 + "]" * 900 + "}",
]


class Chance(random.Random):
    """Makes hostile texts and values."""

    def text(self) -> str:
        return "".join(self.choices(PIECES, k=self.randrange(1, 5)))

    def value(self, depth: int = 2) -> Any:
        kind = self.random()
        if kind < 0.5:
            return self.text()
        if kind < 0.8 or not depth:
            return self.choice(VALUES)
        if kind < 0.9:
            return [self.value(depth - 1) for _ in range(3)]
        return {self.text(): self.value(depth - 1) for _ in range(3)}


@pytest.fixture
def blobs() -> Iterator[Blobs]:
    """Storage with a dataset that nobody names; at the end, it holds just that."""
    blobs = Blobs()
    blobs.put("datasets/kept.csv", b"a,b\n1,2\n", "0x8DC")
    yield blobs
    assert [*blobs.blobs] == ["datasets/kept.csv"], "something was written"


@pytest.fixture
def clients(blobs: Blobs) -> Clients:
    return Wire(blobs).clients()


@pytest.fixture
def engine(caplog: pytest.LogCaptureFixture) -> Iterator[Engine]:
    """An engine that starts nothing and is told nothing, of an app whose log is clean at the end."""
    before = logging.getLogRecordFactory()
    keep_printable()
    caplog.set_level(logging.DEBUG, "touchdown")
    engine = Engine()
    yield engine
    logging.setLogRecordFactory(before)
    assert (engine.scheduled, engine.raised) == ([], [])
    for record in caplog.records:
        assert record.exc_info is None, "a traceback was logged"
        if record.name.startswith("touchdown"):
            assert record.getMessage().isprintable(), "a line may be forged"


def refused(
    handler: Handler, engine: Engine, clients: Clients, body: bytes, run_id: str = "", **params: str
) -> None:
    """Check that a call is refused for what it says, in one line."""
    request = func.HttpRequest(
        "POST",
        "https://app.invalid/api/runs",
        headers={"x-functions-key": "a key"},
        params=params,
        route_params={"run_id": run_id},
        body=body,
    )
    answer = respond(handler, request, engine, lambda: clients)
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.get_body(), body[:200])
    message = json.loads(answer.get_body())["error"]["message"]
    assert message.isprintable()
    assert len(message) < 1000


def found_or_refused[T](call: Callable[[], T]) -> T | None:
    """What a call returns; None if it refuses its input in one line."""
    try:
        return call()
    except RefusedError as refusal:
        line = str(refusal)
    assert line.isprintable()
    assert len(line) < 1000
    return None


def test_hostile_names_are_refused(engine: Engine, clients: Clients) -> None:
    for number in range(EACH):
        name = Chance(number).text() + random.Random(number).choice(["", ".csv", ".csv.gz"])
        refused(http.start_run, engine, clients, json.dumps({"dataset": name}).encode())
        refused(http.cancel_run, engine, clients, b"", name)
        path = found_or_refused(partial(naming.dataset_path, name))
        assert path in (None, f"datasets/{name}")
        assert path is None or "/" not in name


def test_hostile_metadata_are_refused_or_mean_what_they_say() -> None:
    for number in range(EACH):
        chance = Chance(number)
        names = [*RUN_SETTINGS, chance.text(), chance.text().upper()]
        metadata = {chance.choice(names): chance.text() for _ in range(4)}
        wanted = partial(resolve, {}, metadata, SETTINGS, dataset="x.csv", columns=["a", "b"])
        found = found_or_refused(partial(wanted, task_of=lambda _: "classification"))
        assert found is None or (found.label in ("a", "b") and found.endpoint_name.isprintable())


def test_hostile_bodies_are_refused(engine: Engine, clients: Clients) -> None:
    handlers = [http.start_run, http.approve_run, http.reject_run]
    fields = ["dataset", "settings", "rerun", "take_over", "comment"]
    for number in range(EACH):
        chance = Chance(number)
        body: Any = {chance.choice([*fields, chance.text()]): chance.value() for _ in range(4)}
        if chance.random() < 0.5:
            body = {"dataset": "x.csv", "settings": {chance.choice([*RUN_SETTINGS]): chance.value()}}
        elif chance.random() < 0.3:
            body = {"comment": chance.value()}
        text = json.dumps(body).encode()
        if chance.random() < 0.3:
            text = chance.choice(
                [
                    text[:-1],
                    text.replace(b"a", b"\xff"),
                    *(each.encode() for each in DEEP),
                    chance.randbytes(50),
                ]
            )
        refused(chance.choice(handlers), engine, clients, text, chance.choice(["a-b", chance.text()]))


def test_hostile_events_start_nothing(engine: Engine, clients: Clients) -> None:
    for number in range(EACH):
        chance = Chance(number)
        path = f"{chance.choice(['datasets/', 'runs/', '', 'app/'])}{chance.text()}"
        event: dict[str, Any] = {
            "id": "1",
            "topic": "/subscriptions/s",
            "subject": f"/blobServices/default/containers/{SETTINGS.container}/blobs/{path}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": chance.choice([*TIMES, chance.value()]),
            "data": {"api": "PutBlob", "eTag": "0x8D4", "contentLength": 7},
        }
        target = chance.choice([event, event["data"]])
        target[chance.choice([*(each for each in target if each != "eventTime")])] = chance.value()
        if chance.random() < 0.2:
            event["data"] = json.loads("[" * 150 + "]" * 150)
        datum = Datum(json.dumps(event), "json")
        try:
            read = EventGridEventInConverter.decode(datum, trigger_metadata=None)
        except (TypeError, ValueError):
            # The library reads the time before the app is called: see triggers/events.py.
            assert event["eventTime"] not in TIMES
        else:
            receive(read, engine, clients)
