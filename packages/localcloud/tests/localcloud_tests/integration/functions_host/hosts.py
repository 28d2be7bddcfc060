"""A Functions host in its own process, as localcloud runs it, with helpers for tests."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

APPS = Path(__file__).parent / "apps"
READY = re.compile(r"Now listening on: (\S+)")
START_SECONDS = 30
LINE_SECONDS = 20
END_SECONDS = 40
POLL_SECONDS = 0.01


class RunningHost:
    """A host of the app in a folder. `stop` ends it; `lines` holds its output so far."""

    def __init__(self, app: Path, keys: Path, settings: Mapping[str, str] | None = None) -> None:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "localcloud.functions",
            "--app",
            app,
            "--port",
            "0",
            "--keys",
            keys,
        ]
        self.process = subprocess.Popen(
            command,
            env=os.environ | (settings or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.url = self.wait_for_line(READY, START_SECONDS)[1]
        except AssertionError:
            self.process.kill()
            raise
        content = json.loads(keys.read_text())
        self.master = content["masterKey"]
        self.function_key = content["functionKeys"]["default"]
        self.event_grid_key = content["systemKeys"]["eventgrid_extension"]
        self.durable_key = content["systemKeys"]["durabletask_extension"]
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def stop(self) -> int:
        """Stop the host as localcloud does, and return its exit code."""
        self.http.close()
        self.process.terminate()
        code = self.process.wait(timeout=20)
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code

    def wait_for_line(self, pattern: str | re.Pattern[str], limit: float = LINE_SECONDS) -> re.Match[str]:
        """Wait for a line that matches `pattern`; return the match. Fails if the host ends before it."""

        def found() -> re.Match[str] | None:
            return next((match for line in self.lines if (match := re.search(pattern, line))), None)

        with self._grown:
            self._grown.wait_for(lambda: found() or self._ended(), limit)
            match = found()
        if match is None:
            errors = self.process.stderr.read() if self._ended() and self.process.stderr else ""
            raise AssertionError(f"the host did not say {pattern!r}:\n{''.join(self.lines[-40:])}{errors}")
        return match

    def durable(self, operation: str, id_: str = "", **body: Any) -> Any:
        """Call the sample app's durable client; returns `error: CODE` if gRPC refuses the call."""
        response = self.http.post(f"/api/client/{operation}/{id_}", json=body)
        assert response.status_code == 200, response.text
        content = response.json()
        return f"error: {content['error']}" if "error" in content else content["result"]

    def start(self, name: str, input_: Any = None, id_: str = "") -> str:
        started = self.durable("start", id_, name=name, input=input_)
        assert isinstance(started, str)
        return started

    def output(self, id_: str) -> Any:
        """Wait until a run has completed and return its output."""
        state = self.ended(id_)
        assert state["runtimeStatus"] == "Completed", state
        return state["output"]

    def ended(self, id_: str) -> dict[str, Any]:
        """Poll a run's status URL until the run has ended; return its state."""
        return self._watch(id_, lambda response: response.status_code == 200)

    def reaches(self, id_: str, status: str) -> None:
        """Wait until the run has this runtimeStatus."""
        self._watch(id_, lambda response: response.json()["runtimeStatus"] == status)

    def _watch(self, id_: str, enough: Callable[[httpx.Response], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + END_SECONDS
        while not enough(response := self.management("GET", f"instances/{id_}")):
            assert time.monotonic() < deadline, f"{id_} is not there yet: {response.text}"
            time.sleep(POLL_SECONDS)
        return response.json()  # type: ignore[no-any-return]

    def release(self, gate: str) -> None:
        assert self.http.post(f"/api/release/{gate}").status_code == 200

    def wait_until_entered(self, gate: str) -> None:
        assert self.http.get(f"/api/entered/{gate}").json() is True

    def management(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the durable HTTP API, with its key."""
        params = {"code": self.durable_key, **options.pop("params", {})}
        return self.http.request(method, f"/runtime/webhooks/durabletask/{path}", params=params, **options)

    def deliver(self, function: str, content: Any, kind: str | None = "Notification") -> httpx.Response:
        """Deliver events as Event Grid does."""
        headers = {"aeg-event-type": kind} if kind else {}
        params = {"functionName": function, "code": self.event_grid_key}
        return self.http.post("/runtime/webhooks/EventGrid", params=params, json=content, headers=headers)

    def seen(self, event_id: str) -> list[dict[str, Any]]:
        return [event for event in self.http.get("/api/seen").json() if event["id"] == event_id]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._grown:
                self.lines.append(line)
                self._grown.notify_all()
        self.process.wait()
        with self._grown:
            self._grown.notify_all()

    def _ended(self) -> bool:
        return self.process.poll() is not None
