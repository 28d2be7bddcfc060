"""Azurite over TLS with OAuth, and a managed-identity endpoint for it, for the trainer's tests.

The trainer imports nothing of the app, and its tests nothing of localcloud, so that a bug in one cannot hide
a bug in the other.
"""

import base64
import json
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import trustme
from azure.storage.blob import BlobServiceClient, ContainerClient

AZURITE = Path(__file__).parents[2] / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCOUNT = "trainertests"
KEY = base64.b64encode(secrets.token_bytes(64)).decode()
"""A key of these tests alone: that in Azurite's documentation would let in every program of this machine."""


@dataclass
class Storage:
    """A running Azurite. access_log: the file to which it writes a line per request."""

    account_url: str
    certificate: Path
    access_log: Path
    containers: int = field(default=0)

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.account_url};"
        )

    def new_container(self) -> ContainerClient:
        self.containers += 1
        service = BlobServiceClient.from_connection_string(
            self.connection_string, connection_verify=str(self.certificate)
        )
        return service.create_container(f"container-{self.containers}")

    @property
    def trust(self) -> dict[str, str]:
        return {"REQUESTS_CA_BUNDLE": str(self.certificate), "NO_PROXY": "127.0.0.1"}

    def written(self, container: str) -> list[str]:
        """The blobs written to a container, in the order in which they were completed."""
        puts = re.findall(r'"PUT /\S+?/(\S+?)/(\S+?)(?:\?\S*)? HTTP/1\.1" 201', self.access_log.read_text())
        return [blob for at, blob in puts if at == container]


@contextmanager
def running_azurite(folder: Path) -> Iterator[Storage]:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    for part in certificate.cert_chain_pems:
        part.write_to_path(str(folder / "cert.pem"), append=True)
    log = folder / "access.log"
    # With port 0, Azurite takes a free port and names it in its first lines.
    options = ["--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--oauth", "basic"]
    options += ["--disableTelemetry"]
    options += ["--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem")]
    with log.open("w") as out:
        process = subprocess.Popen(
            ["node", str(AZURITE), *options],
            stdout=out,
            stderr=out,
            cwd=folder,
            env=os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
        )
    try:
        yield Storage(f"{listening_at(log, process)}/{ACCOUNT}", folder / "ca.pem", log)
    finally:
        # Azurite's data is in memory only, and a clean end would wait for the clients' idle connections.
        process.kill()
        process.wait(timeout=20)


def listening_at(log: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        found = re.search(r"successfully listen\S* (?:at|on) (https://\S+)", log.read_text())
        if found:
            return found[1].rstrip("/")
        time.sleep(0.05)
    raise AssertionError(f"Azurite did not start: {log.read_text()}")


class Identity(ThreadingHTTPServer):
    """The managed-identity endpoint of App Service, as azure-identity calls it.

    https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    """

    daemon_threads = True
    secret = "only for this test"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), IdentityHandler)
        self.client_ids: list[str] = []
        self.audience = "https://storage.azure.com"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{self.server_port}/msi/token",
            "IDENTITY_HEADER": self.secret,
        }


class IdentityHandler(BaseHTTPRequestHandler):
    server: Identity

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if self.headers["X-IDENTITY-HEADER"] != self.server.secret:
            self.send_error(401)
            return
        self.server.client_ids += query.get("client_id", [])
        now = int(time.time())
        claims = {"iss": "https://sts.windows.net/tenant/", "aud": self.server.audience}
        token = jwt.encode(
            claims | {"iat": now, "nbf": now, "exp": now + 3600},
            key="Azurite checks that there is a signature, but not which",
        )
        body = json.dumps(
            {
                "access_token": token,
                "expires_on": str(now + 3600),
                "resource": query["resource"][0],
                "token_type": "Bearer",
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def running_identity() -> Iterator[Identity]:
    with Identity() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def without_azure(environment: "os._Environ[str]") -> dict[str, str]:
    """The environment without identities that DefaultAzureCredential would find before the test's own."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("AZURE_", "IDENTITY_", "MSI_", "MLFLOW_"))
    }
