"""A storage of the tests' own: one Azurite, accounts and role assignments that a test chooses, clients."""

import ssl
import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import jwt
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from localcloud.access.assignments import Assignment
from localcloud.access.built_in import built_in_named
from localcloud.access.decisions import Access
from localcloud.access.definitions import RoleDefinition
from localcloud.home import TENANT, Home
from localcloud.storage import policy
from localcloud.tokens import ISSUER

GROUP = "/subscriptions/1/resourceGroups/lab"
PROVIDER = "Microsoft.Storage/storageAccounts"
MAIN, KEYED, OTHER = "uploads", "keyed", "elsewhere"
KEY = "a2V5IG9mIHRoZSB0ZXN0cw=="
PLATFORM = str(uuid.uuid4())
API_VERSION = "2023-11-03"


def account_id(name: str) -> str:
    return f"{GROUP}/providers/{PROVIDER}/{name}"


def container_id(container: str, account: str = MAIN) -> str:
    return f"{account_id(account)}/blobServices/default/containers/{container}"


def person() -> str:
    """The object id of somebody who holds nothing yet."""
    return str(uuid.uuid4())


def unique(kind: str) -> str:
    return f"{kind}{uuid.uuid4().hex[:12]}"


class Credential:
    """The token of a principal, given by its object id, as an azure-core TokenCredential."""

    def __init__(self, store: "Store", principal: str) -> None:
        self._store, self._principal = store, principal

    def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken(self._store.token(self._principal), int(time.time()) + 3600)


@dataclass
class Store:
    """The running storage. MAIN takes no keys, as deployed; KEYED does; OTHER is a third account."""

    home: Home
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    assignments: list[Assignment] = field(default_factory=list)
    roles: list[RoleDefinition] = field(default_factory=list)
    accounts: list[policy.Account] = field(
        default_factory=lambda: [
            policy.Account(account_id(MAIN), (KEY,), shared_key=False),
            policy.Account(account_id(KEYED), (KEY, "c2Vjb25k")),
            policy.Account(account_id(OTHER), (KEY,), shared_key=False),
        ]
    )

    def publish(self) -> None:
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        public = self.key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()
        access = Access(self.assignments, self.roles)
        policy.write(self.home, public, self.accounts, access, PLATFORM)

    def assign(self, principal: str, role: str, scope: str, condition: str | None = None) -> None:
        """Give a principal a role, by its name or, for one of `define`, its id."""
        found = built_in_named(role)
        given = {"principalId": principal, "roleDefinitionId": found.id if found else role, "scope": scope}
        body = {"id": str(uuid.uuid4()), "properties": given | {"condition": condition}}
        self.assignments.append(Assignment.from_arm(body))
        self.publish()

    def define(self, **permission: list[str]) -> str:
        """Define a role of one permission; return its id."""
        role = RoleDefinition.of(str(uuid.uuid4()), "custom", [permission])
        self.roles.append(role)
        return role.id

    def token(self, principal: str, key: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": "https://storage.azure.com", "oid": principal, "tid": TENANT}
        times = {"iat": now, "nbf": now - 1, "exp": now + 3600}
        given = {name: value for name, value in (usual | times | claims).items() if value is not None}
        return jwt.encode(given, key or self.key, algorithm="RS256")

    def blobs(self, principal: str, account: str = MAIN) -> BlobServiceClient:
        return BlobServiceClient(self.home.storage_url(account), **self._how(principal))

    def queues(self, principal: str, account: str = MAIN) -> QueueServiceClient:
        return QueueServiceClient(self.home.storage_url(account, "queue"), **self._how(principal))

    def tables(self, principal: str, account: str = MAIN) -> TableServiceClient:
        return TableServiceClient(self.home.storage_url(account, "table"), **self._how(principal))

    def _how(self, principal: str) -> dict[str, Any]:
        return {"credential": Credential(self, principal), **self.sending}

    @property
    def sending(self) -> dict[str, Any]:
        """How a client of an SDK sends."""
        return {"transport": self.transport, "proxies": self.home.proxies, "retry_total": 0}

    @cached_property
    def transport(self) -> RequestsTransport:
        """What all clients send through: a connection of their own would cost each of them 50 ms."""
        return RequestsTransport(connection_verify=str(self.home.ca_bundle))

    @cached_property
    def http(self) -> httpx.Client:
        """What sends requests as they are."""
        return httpx.Client(
            verify=ssl.create_default_context(cafile=self.home.ca_bundle),
            trust_env=False,
            proxy=self.home.proxy,
            timeout=30,
        )

    def close(self) -> None:
        self.transport.close()
        self.http.close()

    def request(self, method: str, url: str, token: str | None = None, **more: Any) -> httpx.Response:
        """One request as it is, for what an SDK would not send."""
        headers = {"x-ms-version": API_VERSION} | more.pop("headers", {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.http.request(method, url, headers=headers, **more)
