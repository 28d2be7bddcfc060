"""What system keys are good for.

That of the durable API raises any event and starts any orchestration. That of Event Grid's webhook announces
any blob.
"""

import json
import time
from typing import Any

import httpx
from localcloud.home import Home

from tests.e2e.conftest import LIMIT
from touchdown.client import Client, Json

UNKNOWN = "forged-0123456789abcdef"
"""The id of a run that nobody has claimed."""


class DurableKey:
    """The durable API of a home's host, called with its key."""

    def __init__(self, home: Home) -> None:
        keys = json.loads((home.root / "keys.json").read_text())
        self._key = keys["systemKeys"]["durabletask_extension"]
        self._url = f"{home.functions_url}/runtime/webhooks/durabletask"

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        given = {"params": {"code": self._key}, "timeout": 30, "trust_env": False}
        return httpx.request(method, f"{self._url}/{path}", json=body, **given)  # type: ignore[arg-type]

    def started(self, instance: str, given: Json) -> Any:
        """The state of an orchestration of a run, started with this input, once it has ended."""
        assert self.call("POST", f"orchestrators/training_run/{instance}", given).status_code == 202
        deadline = time.monotonic() + LIMIT
        while (answer := self.call("GET", f"instances/{instance}")).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)
        return answer.json()


class WebhookKey:
    """The webhook of Event Grid, called with its key. container: the app's."""

    def __init__(self, home: Home, container: str) -> None:
        keys = json.loads((home.root / "keys.json").read_text())
        self._key = keys["systemKeys"]["eventgrid_extension"]
        self._url = f"{home.functions_url}/runtime/webhooks/EventGrid"
        self._blobs = f"/blobServices/default/containers/{container}/blobs"

    def event(self, path: str, etag: str = "0x1", **changed: Any) -> Json:
        """An event about a blob of the container."""
        return {
            "id": "1",
            "topic": "t",
            "subject": f"{self._blobs}/{path}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": "2026-05-01T00:00:00Z",
            "dataVersion": "",
            "data": {"api": "PutBlob", "eTag": etag},
        } | changed

    def post(self, content: object) -> int:
        """Deliver events, or a text in their place. Returns the status once the function has run on each."""
        body = content if isinstance(content, str) else json.dumps(content)
        return httpx.post(
            self._url,
            params={"functionName": "on_blob_created", "code": self._key},
            headers={"aeg-event-type": "Notification"},
            content=body,
            timeout=30,
            trust_env=False,
        ).status_code


def decide_and_start(home: Home, client: Client, waiting: Json, ended: Json) -> None:
    """Approve and cancel a run that waits, and start one in the place of another that has ended: in vain."""
    durable = DurableKey(home)
    since = waiting["since"]
    forged = {"approved": True, "by": "ciso@example.com", "at": since, "since": since, "comment": ""}
    for event in ("decision", "cancel"):
        path = f"instances/{waiting['run_id']}/raiseEvent/{event}"
        assert durable.call("POST", path, forged).status_code == 202
    request = {
        "upload": waiting["upload"],
        "settings": {"endpoint_name": ended["endpoint"], "approval": "none"},
        "source": "http",
        "claimed_at": waiting["claimed_at"],
    }
    given = {
        "record": ended | {"outcome": "promoted", "predictions": ["forged"]},
        "wait": {"dataset": {}, "champion": {}, "interval": 1, "deadline": "2999-01-01T00:00:00+00:00"},
    }
    kept = client.run(ended["run_id"])
    for instance, run_id, is_first in (
        (UNKNOWN, UNKNOWN, True),
        (UNKNOWN, ended["run_id"], True),
        (ended["run_id"], ended["run_id"], True),
        (ended["run_id"], ended["run_id"], False),
    ):
        told = {"request": request | {"run_id": run_id}, "is_first": is_first}
        state = durable.started(instance, given | told)
        assert (state["runtimeStatus"], state["output"]) == ("Completed", None)
    token = {"method": "GET", "uri": "http://127.0.0.1:9/", "tokenSource": {"resource": "https://x.invalid"}}
    answer = durable.call("POST", "orchestrators/BuiltIn__HttpPollOrchestrator/token", token)
    assert answer.status_code == 400, "the app has no orchestration that sends its token to an address"
    assert client.run(waiting["run_id"])["stage"] == "approve", "nobody has decided"
    assert client.run(ended["run_id"]) == kept
    assert client.find(UNKNOWN) is None
