"""A page in a headless Chromium of this machine, and a record of what happens in it.

Playwright drives the browser, and never installs one of its own: a Chromium comes with the system
(scripts/setup.sh browser), or its path is in TOUCHDOWN_BROWSER.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Dialog, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS = "/Applications/{0}.app/Contents/MacOS/{0}"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


class NoBrowserError(Exception):
    """This machine has no Chromium; the message says how to get one."""


def find() -> str:
    """The path of this machine's Chromium. Raises NoBrowserError if there is none."""
    named = os.environ.get("TOUCHDOWN_BROWSER")
    macos = [MACOS.format(app) for app in ("Chromium", "Google Chrome")]
    for candidate in [named] if named else [*NAMES, *macos]:
        path = shutil.which(candidate)
        if path:
            return path
    raise NoBrowserError(
        "no Chromium was found: install one with scripts/setup.sh browser, or set TOUCHDOWN_BROWSER to the"
        " path of one"
    )


@dataclass
class Visit:
    """A page and what happened in it since the last `open`.

    messages: those of the console, which reports violations of the content security policy, and of uncaught
    errors. requests: the addresses that the page asked for.
    """

    page: Page
    dialogs: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("dialog", self._dismiss)
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, address: str) -> None:
        """Load a page and wait until it and its images are there."""
        for record in (self.dialogs, self.messages, self.requests):
            record.clear()
        self.page.goto(address, wait_until="load")

    def resize(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@contextmanager
def browser() -> Iterator[Visit]:
    """An empty page of a browser with a profile of its own."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        try:
            yield Visit(chromium.new_page())
        finally:
            chromium.close()
