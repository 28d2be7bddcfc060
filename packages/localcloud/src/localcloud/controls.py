"""A client of localcloud's controls, which Azure does not have: they steer the imitation itself.

controls = Controls(Home.open(Path(".localcloud")))
controls.arm_fault("http", "drop", {"path": "/pipelines/"})
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from localcloud.home import Home
from localcloud.plain_http import no_trust

Json = dict[str, Any]

PUBLISH_SECONDS = 150.0
"""Seconds that the cloud may take to answer `publish`; its own limit is shorter."""


class ControlsError(Exception):
    """A call of a control failed; the text says why."""


class NotRunningError(ControlsError):
    """No process listens at the home's control address."""


class RefusedControlError(ControlsError):
    """The cloud refused a call. status: the HTTP status; code: the error code; body: the whole JSON body."""

    def __init__(self, status: int, code: str, message: str, body: Json) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body = body


class Controls:
    """The controls of one home's cloud, which must be running.

    Every method raises NotRunningError if no process listens, and RefusedControlError if the cloud refuses.
    """

    def __init__(self, home: Home, timeout: float = 30.0) -> None:
        self.home = home
        self._timeout = timeout

    def arm_fault(self, point: str, action: str, where: Mapping[str, str] | None = None, **how: Any) -> Json:
        """Arm a fault and return it, with its `id` for `disarm`. Its fields: localcloud.faults.Fault."""
        fault = {"point": point, "action": action, "where": dict(where or {}), **how}
        return self.call("POST", "faults", json=fault)

    def faults(self) -> list[Json]:
        """The armed faults. `taken` is the number of times that a fault has occurred."""
        return list(self.call("GET", "faults")["value"])

    @contextmanager
    def fault(
        self, point: str, action: str, where: Mapping[str, str] | None = None, **how: Any
    ) -> Iterator[str]:
        """Arm a fault for the block, which gets its id."""
        armed: str = self.arm_fault(point, action, where, **how)["id"]
        try:
            yield armed
        finally:
            self.disarm(armed)

    def taken(self, fault_id: str) -> int:
        """How often an armed fault has occurred."""
        return next(int(each["taken"]) for each in self.faults() if each["id"] == fault_id)

    def disarm(self, fault_id: str = "") -> None:
        """Disarm one fault, or all faults if no id is given."""
        self.call("DELETE", f"faults/{fault_id}" if fault_id else "faults")

    def deliveries(self, **fields: str) -> list[Json]:
        """Event Grid's deliveries. `fields` filters them by state, subscription, eventId or subject."""
        return list(self.call("GET", "eventgrid/deliveries", params=fields)["value"])

    def redeliver(self, event_id: str) -> list[Json]:
        """Deliver an event again; return its deliveries."""
        return list(self.call("POST", "eventgrid/redeliver", json={"event_id": event_id})["value"])

    def pause_deliveries(self) -> None:
        """Hold all deliveries until resume_deliveries is called."""
        self.call("POST", "eventgrid/pause")

    def resume_deliveries(self) -> None:
        self.call("POST", "eventgrid/resume")

    def published(self, topic: str) -> list[Json]:
        """The events that have been published to a custom topic."""
        return list(self.call("GET", f"topics/{topic}/events")["value"])

    def publish(self, site: str, folder: Path) -> list[str]:
        """Give a deployed site the code in `folder`; return the names of its functions when they run."""
        package = {"folder": str(folder.absolute())}
        done = self.call("PUT", f"sites/{site}/package", json=package, timeout=PUBLISH_SECONDS)
        return list(done["functions"])

    def call(self, method: str, path: str, **request: Any) -> Json:
        """Call any control. `path` follows /localcloud/ in the URL, on the identity port."""
        headers = {"X-Localcloud-Key": self.home.control_key, **request.pop("headers", {})}
        url = f"{self.home.control_url}/{path}"
        try:
            answer = self._http.request(method, url, headers=headers, **request)
        except httpx.ConnectError:
            raise NotRunningError(
                f"nothing listens at {httpx.URL(url).netloc.decode()}: start this home's cloud."
            ) from None
        is_json = answer.content and "json" in answer.headers.get("content-type", "")
        body: Json = answer.json() if is_json else {}
        if answer.is_success:
            return body
        error = body.get("error") or {}
        message = error.get("message") or answer.text[:500] or answer.reason_phrase
        raise RefusedControlError(
            answer.status_code,
            str(error.get("code", "")),
            f"{method} {httpx.URL(url).path}: {answer.status_code} {message}",
            body,
        )

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(verify=no_trust(), trust_env=False, timeout=self._timeout)

    def close(self) -> None:
        if "_http" in self.__dict__:
            self.__dict__.pop("_http").close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
