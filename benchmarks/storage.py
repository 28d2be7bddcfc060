"""Measure what deciding by roles adds to a request: python -m benchmarks storage [--requests 2000].

Two Azurites answer the same request in turns: one decides (localcloud/storage/hook), the other takes any
token, as Azurite does. The principal holds its right under a condition, behind as many other assignments as a
deployment has.
"""

import argparse
import asyncio
import http.client
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from localcloud.access.assignments import Assignment
from localcloud.access.built_in import built_in_named
from localcloud.access.conditions.parser import parse
from localcloud.access.decisions import Access
from localcloud.home import LOOPBACK, SUBSCRIPTION, Home, Ports
from localcloud.identities import PLATFORM
from localcloud.persons import person
from localcloud.storage import emulator, policy
from localcloud.tokens import Tokens

from benchmarks import machine
from benchmarks.report import console

ACCOUNT = "measured"
PROVIDER = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/a/providers/Microsoft.Storage"
KEY = "a2V5"
OTHERS = 40
"""Other assignments of the same principal, which are looked at first and allow nothing."""
ROUNDS = 20
LIMIT = 1.0
"""Milliseconds that a decision may add to a request."""
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
CONDITION = f"!(ActionMatches{{'{BLOBS}/write'}}) OR @Resource[{BLOBS}:path] StringLike 'datasets/*'"


@dataclass
class Storage:
    """One Azurite, and a connection to it that stays open."""

    connection: http.client.HTTPSConnection
    token: str

    def request(self, method: str, path: str, *, expected: int, **headers: str) -> None:
        given = {"Authorization": f"Bearer {self.token}", "x-ms-version": "2023-11-03", **headers}
        self.connection.request(method, f"/{ACCOUNT}/{path}", headers=given)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{method} {path}: {answer.status} {body.decode(errors='replace')}")

    def milliseconds(self, requests: int) -> float:
        """The median time of a request for a blob's properties."""
        times = []
        for _ in range(requests):
            start = time.perf_counter()
            self.request("HEAD", "data/datasets/x.csv", expected=200)
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks storage")
    parser.add_argument("--requests", type=int, default=2000, help="number of requests to each storage")
    requests = parser.parse_args(arguments).requests
    with ExitStack() as both, console.status("Asking two storages in turns …"):
        deciding, plain = both.enter_context(started(True)), both.enter_context(started(False))
        machine.calm()
        pairs = [
            (deciding.milliseconds(requests // ROUNDS), plain.milliseconds(requests // ROUNDS))
            for _ in range(ROUNDS)
        ]
    with_roles, without = (statistics.median(each) for each in zip(*pairs, strict=True))
    added = statistics.median(one - other for one, other in pairs)
    console.print(f"a request, deciding by roles       {with_roles:8.2f} ms")
    console.print(f"a request, taking any token        {without:8.2f} ms")
    console.print(f"ratio                              {with_roles / without:8.2f}")
    console.print(f"added to a request (at most {LIMIT:.0f} ms) {added:8.2f} ms")
    return 0


@contextmanager
def started(decides: bool) -> Iterator[Storage]:
    """An Azurite with a blob, with the hook that decides or without it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home.open(Path(folder) / "home", Ports.free())
        tokens = Tokens(home)
        publish(home, tokens)
        process = start(home, decides)
        trust = ssl.create_default_context(cafile=home.ca_bundle)
        connection = http.client.HTTPSConnection(LOOPBACK, home.ports.blob, context=trust)
        try:
            audience = "https://storage.azure.com"
            made = Storage(connection, tokens.issue(PLATFORM, audience)[0])
            made.request("PUT", "data?restype=container", expected=201)
            blob = {"x-ms-blob-type": "BlockBlob", "Content-Length": "0"}
            made.request("PUT", "data/datasets/x.csv", expected=201, **blob)
            yield Storage(connection, tokens.issue(person("person"), audience)[0])
        finally:
            connection.close()
            process.terminate()
            process.wait()


def start(home: Home, decides: bool) -> "subprocess.Popen[bytes]":
    command = emulator.command

    def without_hook(home: Home, near: Path | None = None) -> list[str]:
        whole = command(home, near)
        at = whole.index(str(policy.HOOK))
        return [*whole[: at - 1], *whole[at + 1 :]]

    with patch.object(emulator, "command", command if decides else without_hook):
        return asyncio.run(emulator.start(home))


def publish(home: Home, tokens: Tokens) -> None:
    """Let `person` read blobs under a condition, behind OTHERS assignments on other scopes."""
    role = built_in_named("Storage Blob Data Contributor")
    assert role is not None
    principal = person("person").object_id
    account = policy.Account(f"{PROVIDER}/storageAccounts/{ACCOUNT}", (KEY,))
    condition = parse(CONDITION)
    others = [
        Assignment(f"/{number}", principal, role.id, f"{account.id}{number}", condition)
        for number in range(OTHERS)
    ]
    access = Access([*others, Assignment("/last", principal, role.id, account.id, condition)])
    policy.write(home, tokens.public_key, [account], access, PLATFORM.object_id)
