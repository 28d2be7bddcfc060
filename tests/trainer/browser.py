"""A headless Chromium, driven over the two pipes of its DevTools protocol.

Two dozen lines do what a page needs here, so a browser is all that the tests ask of a machine: the usual
libraries bring a browser or a Node of their own, for everyone who installs the development requirements.
The protocol: https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS = "/Applications/{0}.app/Contents/MacOS/{0}"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--remote-debugging-pipe", "about:blank"),
)


class NoBrowser(Exception):
    """There is none, or it ended; the text says what to do."""


def find() -> str:
    named = os.environ.get("TOUCHDOWN_BROWSER")
    macos = [MACOS.format(app) for app in ("Chromium", "Google Chrome")]
    for candidate in [named] if named else [*NAMES, *macos]:
        path = shutil.which(candidate)
        if path:
            return path
    raise NoBrowser(
        "no Chromium was found: scripts/setup.sh browser installs it; or name one in TOUCHDOWN_BROWSER"
    )


@dataclass
class Page:
    """A page and what has happened in it since it was opened."""

    commands: int
    answers: int
    session: str = ""
    sent: int = 0
    unread: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method and wait for its answer; events that come before it are kept."""
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self._write(message)
        while True:
            answer = self._read()
            if answer.get("id") == self.sent:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._keep(answer)

    def open(self, address: str) -> None:
        """Load a page and wait until it and its images are there."""
        self.events.clear()
        self.send("Page.navigate", url=address)
        while not self.named("Page.loadEventFired"):
            self._keep(self._read())

    def named(self, *methods: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event["method"] in methods]

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page. A page's own policy does not bind the debugger."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def show(self, width: int, *, dark: bool = False) -> None:
        """Lay the page out for a window of that width."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def photograph(self, file: Path) -> bytes:
        """The whole page, as a PNG."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        data = base64.b64decode(shot["data"])
        file.write_bytes(data)
        return data

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self.unread:
            data = os.read(self.answers, 1 << 16)
            if not data:
                raise NoBrowser("Chromium ended: chromium.log beside its profile says why")
            self.unread += data
        message, _, self.unread = self.unread.partition(b"\0")
        return dict(json.loads(message))

    def _write(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data) :]

    def _keep(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            return
        self.events.append(message)
        if message["method"] == "Page.javascriptDialogOpening":
            # Answered without waiting, or the page would stand still for ever.
            self.sent += 1
            refusal = {"id": self.sent, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}}
            self._write(refusal | {"sessionId": self.session})


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """An empty page of a browser whose profile lies in the folder."""
    chromium = find()
    folder.mkdir()
    theirs, ours = zip(os.pipe(), reversed(os.pipe()), strict=True)
    # Chromium reads from descriptor 3 and writes to 4: bash puts the pipes there, from numbers above both.
    reads, writes = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in theirs)
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{reads} 4>&{writes}',
                "bash",
                chromium,
                *FLAGS,
                f"--user-data-dir={folder}",
            ],
            pass_fds=(reads, writes),
            stdout=log,
            stderr=log,
        )
    for end in (*theirs, reads, writes):
        os.close(end)
    try:
        page = Page(*ours)
        target = page.send("Target.createTarget", url="about:blank")["targetId"]
        page.session = page.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        yield page
    finally:
        for end in ours:
            os.close(end)
        process.terminate()
        process.wait(timeout=20)
