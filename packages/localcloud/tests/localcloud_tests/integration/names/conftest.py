"""A proxy in a process of its own, and listeners that say which they are."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from localcloud import certificates
from localcloud.home import LOOPBACK, Home, Ports
from localcloud.names import proxy
from localcloud.parts import listens

from localcloud_tests.integration.test_parts import until

STAY = "setInterval(() => {}, 1e9)"


@dataclass
class Tunnel:
    """A connection to the proxy after its answer to CONNECT."""

    socket: socket.socket
    status: int
    words: str


def connect(home: Home, authority: str, more: bytes = b"") -> Tunnel:
    """Send CONNECT and `more`, and read the head of the answer, or all of a refusal."""
    opened = socket.create_connection((LOOPBACK, home.ports.proxy), timeout=10)
    opened.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode() + more)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += opened.recv(1) or pytest.fail(f"the proxy closed after {head!r}")
    status = int(head.split()[1])
    if status == 200:
        return Tunnel(opened, status, "")
    with opened:
        words = b"".join(iter(lambda: opened.recv(4096), b"")).decode().strip()
    return Tunnel(opened, status, words)


def talk(tunnel: Tunnel, said: bytes = b"hello") -> bytes:
    """Say something, close this side, and read all that the other side says."""
    with tunnel.socket as opened:
        opened.sendall(said)
        opened.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: opened.recv(4096), b""))


@contextmanager
def listener(answer: Callable[[socket.socket], None], port: int = 0, host: str = LOOPBACK) -> Iterator[int]:
    """A server that gives each connection to `answer`, in a thread of its own; its port."""
    with socket.create_server((host, port)) as server:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(accepted,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def echo(name: str) -> Callable[[socket.socket], None]:
    """Read until the client has finished, and answer with a name and what the client said."""

    def answer(accepted: socket.socket) -> None:
        with accepted:
            said = b"".join(iter(lambda: accepted.recv(4096), b""))
            accepted.sendall(f"{name}:".encode() + said)

    return answer


def answer_head(accepted: socket.socket) -> None:
    """Read the head of a request, and answer with it."""
    with accepted:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += accepted.recv(4096)
        accepted.sendall(b"functions:" + head)


@contextmanager
def running(home: Home, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process whose only work is the proxy of `home`."""
    node = shutil.which("node")
    assert node is not None
    kept = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    process = subprocess.Popen(
        [node, "--require", str(proxy.HOOK), "-e", STAY], env=kept | proxy.variables(home) | variables
    )
    try:
        until(lambda: listens(home.ports.proxy) or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home.open(tmp_path_factory.mktemp("names") / "home", Ports.free())
    certificates.ensure(made)
    return made


@pytest.fixture(scope="module")
def proxied(home: Home) -> Iterator[Home]:
    """A home whose proxy runs, and whose blob, queue, arm and functions listeners answer; table has none."""
    with ExitStack() as opened:
        for name in ("blob", "queue", "arm"):
            opened.enter_context(listener(echo(name), getattr(home.ports, name)))
        opened.enter_context(listener(answer_head, home.ports.functions))
        opened.enter_context(running(home))
        yield home


@pytest.fixture(scope="module")
def trust(home: Home) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=home.ca_bundle)


def own_address() -> str | None:
    """An address of this machine that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found: str = probe.getsockname()[0]
        return None if found.startswith("127.") else found
