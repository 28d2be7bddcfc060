"""Storage: Azurite as its own process, over TLS with OAuth.

Azurite accepts bearer tokens only over TLS. Node loads three hooks before Azurite. One serves the proxy for
the cloud's names (localcloud.names). One decides by accounts, tokens and roles (localcloud.storage.policy).
One writes a journal of all changes of blobs, from which Event Grid makes its events
(localcloud.eventgrid.journal).
"""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx

from localcloud import certificates
from localcloud.eventgrid import journal
from localcloud.home import LOOPBACK, Home
from localcloud.names import proxy
from localcloud.storage import policy

KEEP_ALIVE = 600
"""Seconds for which Azurite keeps an idle connection. With the default, 5, a
connection ends while a model is trained, and a new one costs its client 30 ms, because requests reads all
trusted certificates for each connection."""
VARIABLE = "LOCALCLOUD_AZURITE"
VERSION = "3.37.0"
"""The version that the hook knows (hook/azurite.cjs); it refuses to load into another."""
STARTUP_LIMIT = 60
"""Seconds within which Azurite must answer; its first start takes several on a busy machine."""


class StorageUnavailableError(Exception):
    """Azurite could not be started. The message says what to do."""


def azurite(near: Path | None = None) -> Path:
    """Find Azurite's program.

    LOCALCLOUD_AZURITE may name the program or the folder of its package. Otherwise this function searches the
    `node_modules` of the folder `near`, of the current folder and of all folders above them, then the PATH.
    Raises StorageUnavailableError.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = _program(Path(named))
        if found is None:
            raise StorageUnavailableError(
                f"{VARIABLE} is {named}, where Azurite is not: name the folder of its package."
            )
        return found
    for folder in dict.fromkeys([*_and_above(near), *_and_above(Path.cwd())]):
        if found := _program(folder / "node_modules" / "azurite"):
            return found
    if on_path := shutil.which("azurite"):
        return Path(on_path).resolve()
    raise StorageUnavailableError(
        f"Azurite is missing: install it with `npm install azurite@{VERSION}` in this folder or one above the"
        f" app, or name the folder of its package in {VARIABLE}."
    )


def _and_above(folder: Path | None) -> list[Path]:
    return [folder.resolve(), *folder.resolve().parents] if folder else []


def _program(place: Path) -> Path | None:
    """`place` if it is a file, else the program of the npm package in that folder, or None."""
    if place.is_file():
        return place.resolve()
    described = place / "package.json"
    if not described.is_file():
        return None
    return place / str(json.loads(described.read_text())["bin"]["azurite"])


def command(home: Home, near: Path | None = None) -> list[str]:
    """Azurite's command line. `near` is a folder from which `azurite` searches.

    Raises StorageUnavailableError if Node or Azurite is not installed.
    """
    node = shutil.which("node")
    if node is None:
        raise StorageUnavailableError("Node is missing: install Node 20 or newer.")
    entry = azurite(near)
    return [
        node,
        *("--require", str(proxy.HOOK)),
        *("--require", str(journal.HOOK)),
        *("--require", str(policy.HOOK)),
        str(entry),
        *("--blobHost", LOOPBACK, "--blobPort", str(home.ports.blob)),
        *("--queueHost", LOOPBACK, "--queuePort", str(home.ports.queue)),
        *("--tableHost", LOOPBACK, "--tablePort", str(home.ports.table)),
        *("--location", str(home.root / "azurite")),
        *("--cert", str(certificates.server_chain(home)), "--key", str(certificates.server_key(home))),
        *("--oauth", "basic"),
        *("--blobKeepAliveTimeout", str(KEEP_ALIVE)),
        "--silent",
        "--disableTelemetry",
        "--skipApiVersionCheck",
    ]


def variables(home: Home) -> dict[str, str]:
    """The environment variables that the hooks of Azurite's process need."""
    journaled = {journal.FOLDER_VARIABLE: str(journal.folder(home))}
    return journaled | {policy.VARIABLE: str(policy.file(home))} | proxy.variables(home)


async def start(home: Home) -> subprocess.Popen[bytes]:
    """Start Azurite, wait until it answers, and return its process, which the caller must end.

    Raises StorageUnavailableError, with the end of Azurite's output, if it exits or does not answer in time.
    """
    certificates.ensure(home)
    home.logs.mkdir(parents=True, exist_ok=True)
    output = home.logs / "azurite.log"
    with output.open("ab") as out:
        process = subprocess.Popen(
            command(home),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=os.environ | variables(home),
        )
    trust = ssl.create_default_context(cafile=home.ca_bundle)
    async with httpx.AsyncClient(verify=trust, trust_env=False, proxy=home.proxy) as client:
        for _ in range(STARTUP_LIMIT * 10):
            if process.poll() is not None:
                break
            try:
                await client.get(home.storage_url("anybody"))
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return process
    process.terminate()
    process.wait()
    tail = output.read_text(errors="replace")[-2000:]
    raise StorageUnavailableError(
        f"Azurite did not start on port {home.ports.blob} (blob), {home.ports.queue} (queue),"
        f" {home.ports.table} (table), {home.ports.proxy} (proxy): {tail or 'it printed nothing'}"
    )
