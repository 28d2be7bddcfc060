"""What the driver of a batch deployment does before it scores: it makes and uses a table, a queue and a blob.

Azure's driver, Parallel Run Step, hands out mini-batches through a table and queues of the workspace's
default storage account, as the identity of the cluster. Without a right to one of them it exits with 42; the
user's log stays empty, and only a log of the system says why. Sources: "Disable shared key access for your
workspace's storage account", "Scenarios for role assignments"; "Secure batch endpoints" (batch deployments
need blob, file, queue and table); MicrosoftDocs/azure-docs#102446 for the name of the table and the words.
What else it does there is not documented; these are the least requests that need the documented roles.
"""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from localcloud.home import Home
from localcloud.identities import Principal
from localcloud.machinelearning.uris import BlobPath
from localcloud.tokens import Tokens

AUDIENCE = "https://storage.azure.com"
VERSION = "2021-12-02"
DENIED = (401, 403)
TIMEOUT = 60
"""Seconds that storage has for one request."""
MESSAGE = b"<QueueMessage><MessageText>mini-batch</MessageText></QueueMessage>"


class CoordinationError(Exception):
    """Storage answered neither yes nor no; the text quotes it."""


class DeniedError(Exception):
    """Storage does not let the driver work. what: "table", "queue" or "blob"; words: storage's own."""

    def __init__(self, what: str, words: str) -> None:
        super().__init__(f"{what}: {words}")
        self.what = what
        self.words = words


class Coordination:
    """Sends the driver's requests to a storage account."""

    def __init__(self, home: Home, tokens: Tokens) -> None:
        self._home = home
        self._tokens = tokens

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        trust = ssl.create_default_context(cafile=self._home.ca_bundle)
        return httpx.AsyncClient(verify=trust, proxy=self._home.proxy, trust_env=False, timeout=TIMEOUT)

    async def close(self) -> None:
        if "_client" in vars(self):
            await self._client.aclose()

    async def refused(
        self, principal: Principal, account: str, run: str, container: str
    ) -> DeniedError | None:
        """What storage does not let `principal` do for a run; None if it lets it work.

        container: where the run's blobs are. Raises CoordinationError.
        """
        name = f"prs{run.replace('-', 'x')}job"
        token, _ = self._tokens.issue(principal, AUDIENCE)
        send = Sender(self._client, {"Authorization": f"Bearer {token}", "x-ms-version": VERSION})
        place = BlobPath(container, f"azureml/{run}/{name}")
        steps = (
            use_table(send, self._home.storage_url(account, "table"), name),
            use_queue(send, self._home.storage_url(account, "queue"), name),
            use_blob(send, self._home.storage_url(account), place),
        )
        answers = await asyncio.gather(*steps, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, DeniedError):
                return answer
        for answer in answers:
            if isinstance(answer, httpx.HTTPError):
                raise CoordinationError(f"storage does not answer: {answer}") from answer
            if isinstance(answer, BaseException):
                raise answer
        return None


@dataclass(frozen=True)
class Sender:
    """Sends requests with a token. headers: those of every request."""

    client: httpx.AsyncClient
    headers: dict[str, str]

    async def __call__(
        self, what: str, method: str, url: str, headers: dict[str, str] | None = None, **body: Any
    ) -> None:
        """Raises DeniedError if storage refuses the request for a missing right, else CoordinationError."""
        answer = await self.client.request(method, url, headers=self.headers | (headers or {}), **body)
        if answer.status_code in DENIED:
            raise DeniedError(what, answer.text)
        if not answer.is_success:
            raise CoordinationError(f"storage answers {answer.status_code} to {method} {url}: {answer.text}")


async def use_table(send: Sender, url: str, name: str) -> None:
    accept = {"Accept": "application/json;odata=nometadata", "Prefer": "return-no-content"}
    await send("table", "POST", f"{url}/Tables", accept, json={"TableName": name})
    entity = {"PartitionKey": "mini-batches", "RowKey": "0", "State": "created"}
    await send("table", "POST", f"{url}/{name}", accept, json=entity)
    await send("table", "DELETE", f"{url}/Tables('{name}')", accept)


async def use_queue(send: Sender, url: str, name: str) -> None:
    await send("queue", "PUT", f"{url}/{name}")
    await send("queue", "POST", f"{url}/{name}/messages", content=MESSAGE)
    await send("queue", "GET", f"{url}/{name}/messages")
    await send("queue", "DELETE", f"{url}/{name}")


async def use_blob(send: Sender, url: str, place: BlobPath) -> None:
    blob = f"{url}/{place.container}/{place.path}"
    await send("blob", "PUT", blob, {"x-ms-blob-type": "BlockBlob"}, content=b"created")
    await send("blob", "GET", blob)
    await send("blob", "DELETE", blob)


def log_refusal(logs: Path, refusal: DeniedError, run: str) -> None:
    """Write the logs of a driver that could not make its table, its queue or its blob."""
    for name in ("user", "sys"):
        (logs / name).mkdir(parents=True, exist_ok=True)
    (logs / "user" / "error.txt").write_text("")
    name = f"prs{run.replace('-', 'x')}job"
    words = f"Failed to create {refusal.what} '{name}' due to authorization failure."
    (logs / "sys" / "error.txt").write_text(
        f'The master role failed. [AccessError("{words}")]\n{refusal.words}\n'
    )
