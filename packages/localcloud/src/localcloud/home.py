"""The home of one localcloud: its folder, id, ports, secrets and addresses.

Everything that must survive a restart is in the folder `Home.root`; deleting it deletes the cloud. Only its
owner can look into it: blobs, logs and the folders of tasks lie there as plain files. Id, ports and secrets
are chosen once, on first use, and kept in `cloud.json`, so that a client's settings remain valid.
"""

import json
import secrets
import socket
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

from localcloud import private_files

SUBSCRIPTION = "10ca1c10-0d00-4000-8000-000000000001"
TENANT = "10ca1c10-0d00-4000-8000-0000000000aa"
REGION = "localcloud"
LOOPBACK = "127.0.0.1"
StorageService = Literal["blob", "queue", "table"]
OTHERS = 0o077
"""The bits of a mode that give others than the owner access."""
PERSONS = ("person", "publisher", "uploader")
CARRIERS = ("site", "pool", "cluster", *PERSONS)
"""Who holds an identity header: the processes of a resource, or a person."""


def free_ports(count: int) -> list[int]:
    """`count` different free loopback ports, found with all sockets open so that no port comes twice."""
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

    arm: TLS, for Resource Manager, the scoring URIs and custom topics. identity: plain HTTP, for the
    managed-identity endpoint and localcloud's controls. functions: plain HTTP, as with `func start`. proxy:
    the CONNECT proxy, which leads the cloud's names to the other listeners.
    """

    blob: int = 10000
    queue: int = 10001
    table: int = 10002
    arm: int = 10443
    identity: int = 10180
    functions: int = 7071
    proxy: int = 10880

    @classmethod
    def free(cls) -> "Ports":
        """Ports that are free now. Tests use them to run several clouds side by side."""
        return cls(*free_ports(len(fields(cls))))


@dataclass(frozen=True)
class Home:
    """The folder, id, ports and secrets of one localcloud.

    id: 8 hex digits, by which the cloud's names differ from those of other homes. identity_headers: for each
    of CARRIERS, the secret that the identity endpoint requires as X-IDENTITY-HEADER. control_key: the key
    that localcloud's controls require.
    """

    root: Path
    ports: Ports
    id: str
    identity_headers: dict[str, str] = field(repr=False)
    control_key: str = field(repr=False)

    @classmethod
    def open(cls, root: Path, ports: Ports | None = None) -> "Home":
        """The home in `root`. If there is none, one is made, with `ports` or the default ports."""
        root = root.resolve()
        file = root / "cloud.json"
        if not file.exists():
            cls._make(root, file, ports or Ports())
        if root.stat().st_mode & OTHERS:
            root.chmod(0o700)
        # Also what was just made is read: another process may have made it at the same moment.
        kept = json.loads(file.read_text())
        return cls(root, **{**kept, "ports": Ports(**kept["ports"])})

    @classmethod
    def _make(cls, root: Path, file: Path, ports: Ports) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        headers = {carrier: secrets.token_hex(16) for carrier in CARRIERS}
        home = cls(root, ports, secrets.token_hex(4), headers, secrets.token_hex(16))
        kept = asdict(home)
        del kept["root"]
        private_files.create(file, json.dumps(kept, indent=2))

    @property
    def suffix(self) -> str:
        """What ends every name of this cloud, as `core.windows.net` and `azure.com` end Azure's."""
        return f"{self.id}.localcloud.test"

    @property
    def proxy(self) -> str:
        """URL of the CONNECT proxy that leads this cloud's names to it, and all others where they belong."""
        return f"http://{LOOPBACK}:{self.ports.proxy}"

    @property
    def proxies(self) -> dict[str, str]:
        """The proxy as `proxies=` of azure-core and requests takes it."""
        return {"https": self.proxy}

    @property
    def resource_manager(self) -> str:
        return f"https://management.{self.suffix}"

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
    def login_url(self) -> str:
        return f"https://login.{self.suffix}/"

    def storage_url(self, account: str, service: StorageService = "blob") -> str:
        """The URL of a service of a storage account, without a slash at its end."""
        return f"https://{account}.{service}.core.{self.suffix}"

    def key_vault_url(self, vault: str) -> str:
        return f"https://{vault}.vault.{self.suffix}/"

    def batch_host(self, account: str, region: str) -> str:
        return f"{account}.{region}.batch.{self.suffix}"

    def scoring_host(self, endpoint: str, region: str) -> str:
        """The host name of a batch endpoint's scoring URI."""
        return f"{endpoint}.{region}.inference.ml.{self.suffix}"

    def site_host(self, site: str) -> str:
        return f"{site}.azurewebsites.{self.suffix}"

    def topic_endpoint(self, topic: str, region: str) -> str:
        """The URL to which clients publish the events of a custom topic."""
        return f"https://{topic}.{region}-1.eventgrid.{self.suffix}/api/events"

    @property
    def functions_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.functions}"

    @property
    def certificates(self) -> Path:
        return self.root / "certificates"

    @property
    def ca_bundle(self) -> Path:
        """The CA bundle that every process trusts: localcloud's own authority, and other root certificates.

        The others are certifi's, or those that LOCALCLOUD_ROOTS names (localcloud.certificates).
        """
        return self.certificates / "bundle.pem"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def trusted_certificates(self) -> dict[str, str]:
        """The variables that make Python, requests, gRPC, Go, curl and Node trust localcloud."""
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return dict.fromkeys(names, str(self.ca_bundle))

    def trust(self) -> dict[str, str]:
        """The variables that lead programs to this cloud by its names, and make them trust it."""
        # Some programs read the names in small letters only, and some prefer them.
        without = f"{LOOPBACK},localhost"
        return {
            **self.trusted_certificates(),
            "HTTPS_PROXY": self.proxy,
            "https_proxy": self.proxy,
            "NO_PROXY": without,
            "no_proxy": without,
        }

    def identity(self, carrier: str) -> dict[str, str]:
        """The variables with which DefaultAzureCredential uses the managed identities of a carrier.

        They are those that App Service sets for an app; azure-identity's AppServiceCredential reads them.
        """
        return {
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": self.identity_headers[carrier],
        }
