"""What one localcloud is: its folder, its ports, its secrets, and where its services are.

Everything that must outlive a restart is below `Home.root`; deleting that folder deletes the cloud.
Ports and secrets are chosen once, on first use, and kept in `cloud.json`, so that a client's settings
file stays right from one day to the next.
"""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

SUBSCRIPTION = "10ca1c10-0d00-4000-8000-000000000001"
TENANT = "10ca1c10-0d00-4000-8000-0000000000aa"
REGION = "localcloud"
WORKSPACE_ID = "10ca1c10-0d00-4000-8000-0000000000bb"
"""The GUID that Azure ML gives a workspace, and names the container of its default datastore for."""
STORAGE_ACCOUNT = "devstoreaccount1"
"""The storage account that Azurite is."""
LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """`count` different free loopback ports; held open together so that none is named twice."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass(frozen=True)
class Ports:
    """One TCP port per listener, all on 127.0.0.1.

    arm: TLS; Resource Manager, the scoring URIs and the custom topic. identity: plain HTTP, the
    managed-identity endpoint and localcloud's own controls. functions: plain HTTP, as `func start`.
    """

    blob: int = 10000
    queue: int = 10001
    table: int = 10002
    arm: int = 10443
    identity: int = 10180
    functions: int = 7071

    @classmethod
    def free(cls) -> "Ports":
        """Six ports that are free now: for tests, where several clouds run side by side."""
        return cls(*free_ports(6))


@dataclass(frozen=True)
class Home:
    """The folder, ports and secrets of one localcloud.

    identity_headers: the secret of each principal ("app", "node", "person") that
    the identity endpoint demands as X-IDENTITY-HEADER. control_key guards localcloud's own routes.
    """

    root: Path
    ports: Ports
    identity_headers: dict[str, str] = field(repr=False)
    control_key: str = field(repr=False)

    @classmethod
    def open(cls, root: Path, ports: Ports | None = None) -> "Home":
        """The cloud in `root`, made there first if there is none; `ports` counts only then."""
        root = root.resolve()
        file = root / "cloud.json"
        if file.exists():
            kept = json.loads(file.read_text())
            return cls(root, Ports(**kept["ports"]), kept["identity_headers"], kept["control_key"])
        root.mkdir(parents=True, exist_ok=True)
        home = cls(
            root,
            ports or Ports(),
            {principal: secrets.token_hex(16) for principal in ("app", "node", "person")},
            secrets.token_hex(16),
        )
        kept = {
            "ports": asdict(home.ports),
            "identity_headers": home.identity_headers,
            "control_key": home.control_key,
        }
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(kept, out, indent=2)
        return home

    @property
    def resource_manager(self) -> str:
        return f"https://{LOOPBACK}:{self.ports.arm}"

    @property
    def metadata_url(self) -> str:
        return f"{self.resource_manager}/metadata/endpoints?api-version=2019-05-01"

    @property
    def identity_endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.identity}/msi/token"

    @property
    def control_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.identity}/localcloud"

    @property
    def blob_url(self) -> str:
        return f"https://{LOOPBACK}:{self.ports.blob}/{STORAGE_ACCOUNT}"

    @property
    def functions_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.functions}"

    def topic_endpoint(self, topic: str) -> str:
        """Where events are published to the custom topic of that name."""
        return f"{self.resource_manager}/topics/{topic}/api/events"

    @property
    def certificates(self) -> Path:
        return self.root / "certificates"

    @property
    def ca_bundle(self) -> Path:
        """certifi's roots and localcloud's own: what every process trusts."""
        return self.certificates / "bundle.pem"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def trust(self) -> dict[str, str]:
        """The environment by which Python, requests, gRPC and Node trust localcloud's certificates."""
        bundle = str(self.ca_bundle)
        return {
            "SSL_CERT_FILE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
            "NODE_EXTRA_CA_CERTS": bundle,
        }

    def identity(self, principal: str) -> dict[str, str]:
        """The environment in which DefaultAzureCredential is the managed identity of `principal`.

        As App Service gives it to an app: azure-identity's AppServiceCredential.
        """
        return {
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": self.identity_headers[principal],
        }
