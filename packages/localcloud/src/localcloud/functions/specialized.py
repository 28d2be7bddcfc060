"""A host that becomes a site: first a placeholder, then the site that the cloud deploys.

In Azure a placeholder is a running host with the language's libraries loaded; it becomes a site by getting
that site's settings and code. Here it waits for the file of localcloud.functions.site, gives itself the
settings and loads the code. When the file changes, the process runs its program again from the start, because
settings that are gone and modules that were loaded must not remain. Source: StandbyManager.cs and
InstanceManager.cs of the Functions host.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.functions import hostjson, keys, logs
from localcloud.functions.app import Host, load, worker_for
from localcloud.functions.authentication import Rules
from localcloud.functions.front import Front
from localcloud.functions.server import (
    BACKLOG,
    GRACE_SECONDS,
    Server,
    StartError,
    hand_on,
    inherited,
    listener,
)
from localcloud.functions.site import FLEX, OVERRIDES, SKU, Site, package_of, read
from localcloud.functions.worker import AppLoadError, debugging

log = logging.getLogger("Host.Startup")

POLL_SECONDS = 0.1
STORAGE = "AzureWebJobsStorage"


@dataclass(frozen=True)
class Program:
    """What this process was started with, which a restart in place uses again."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def now(cls) -> "Program":
        return cls(Path.cwd(), dict(os.environ))

    def run_again(self, listening: Mapping[str, str]) -> None:
        """Replace this process's program by a new run of it. Process id and standard input remain."""
        os.chdir(self.folder)
        sys.stdout.flush()
        sys.stderr.flush()
        command = [sys.executable, *sys.orig_argv[1:]]
        os.execve(command[0], command, {**self.environment, **listening})  # noqa: S606 - it is this program


async def serve_site(file: Path, host: str, port: int, key_file: Path) -> dict[str, str] | None:
    """Serve the site in `file` until a signal, or until the site changes.

    Returns None after a signal, else the variables for Program.run_again. Raises StartError.
    """
    overrides = json.loads(os.environ.pop(OVERRIDES, "{}"))
    logs.configure({}, lambda _: None, debugging())
    front = Front()
    server = Server(front)
    with inherited() or listener(host, port) as listening:
        origin = f"http://{host}:{listening.getsockname()[1]}"
        listening.listen(BACKLOG)
        serving = asyncio.create_task(server.serve(sockets=[listening.dup()]))
        site = await another(file, None, server)
        running = await become(site, overrides, front, key_file, origin) if site else None
        if site is not None:
            await another(file, site, server)
        changed = not server.should_exit
        if changed:
            log.info("The site has changed; the host restarts.")
            await server.accept_no_more()
            await front.restart(GRACE_SECONDS)
            await stopped(running)
        server.should_exit = True
        await serving
        if not changed:
            log.info("Application is shutting down...")
            await stopped(running)
        return hand_on(listening) if changed else None


async def another(file: Path, known: Site | None, server: Server) -> Site | None:
    """Wait until `file` holds another site than `known`, or the server ends; return what it holds."""
    generation = known and known.generation
    seen: object = ()
    while not server.should_exit:
        written = version(file)
        if written != seen:
            found, seen = read(file), written
            if (found and found.generation) != generation:
                return found
        await asyncio.sleep(POLL_SECONDS)
    return None


def version(file: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced, and costs no reading; None as long as there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


async def become(
    site: Site, overrides: Mapping[str, str], front: Front, key_file: Path, origin: str
) -> Host | None:
    """Serve `site`; return None if it is stopped or cannot be served, which `front` then says."""
    front.start(site, package_of(site.folder))
    if site.state == "Stopped":
        return None
    os.environ.update({**site.settings, **overrides})
    log.info("The host becomes the site %s, with %d settings.", site.name, len(site.settings))
    try:
        check_storage(site.settings)
        settings = hostjson.read(site.folder)
        worker = worker_for(site.folder, settings)
        logs.configure(settings.log_levels, worker.function_of, debugging())
        rules = Rules.read(site.authentication)
        served = await load(worker, settings, keys.load(key_file), origin, rules)
    except (AppLoadError, StartError, hostjson.HostJsonError, keys.KeysError, logs.LogLevelError) as error:
        said = f"{error}\nNo job functions found." if isinstance(error, AppLoadError) else str(error)
        print(said, file=sys.stderr, flush=True)
        front.fail(said)
        return None
    served.start()
    front.serve(served.web, settings.bundle)
    log.info("Now listening on: %s", origin)
    return served


def check_storage(settings: Mapping[str, str]) -> None:
    """Raise StartError where a host in Azure does not start either: without storage of its own."""
    named = {name for name in settings if name == STORAGE or name.startswith(f"{STORAGE}__")}
    if settings.get(SKU) == FLEX and not named:
        raise StartError(
            f"the app settings name no storage for the host: set {STORAGE}__blobServiceUri,"
            f" {STORAGE}__queueServiceUri and {STORAGE}__tableServiceUri, or {STORAGE}"
        )
    if named:
        log.info("Host and Durable keep their state in this process, not in the account of %s.", STORAGE)


async def stopped(running: Host | None) -> None:
    if running:
        await running.stop(GRACE_SECONDS)
