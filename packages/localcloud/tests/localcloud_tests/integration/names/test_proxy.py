"""The CONNECT proxy: which listener a name leads to, what is refused, and what is passed through."""

import base64
import http.client
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from localcloud.home import LOOPBACK, Home, Ports, free_ports

from localcloud_tests.integration.names.conftest import (
    answer_head,
    connect,
    echo,
    listener,
    own_address,
    running,
    talk,
)
from localcloud_tests.integration.test_parts import until


@pytest.mark.parametrize(
    ("name", "served_by"),
    [
        ("data1.blob.core", "blob"),
        ("DATA1.Blob.Core", "blob"),
        ("data1-secondary.blob.core", "blob"),
        ("data1.queue.core", "queue"),
        ("management", "arm"),
        ("login", "arm"),
        ("graph", "arm"),
        ("kv-1.vault", "arm"),
        ("batch1.westeurope.batch", "arm"),
        ("evgt-1.westeurope-1.eventgrid", "arm"),
        ("wine.westeurope.inference.ml", "arm"),
        ("app-1.scm.azurewebsites", "arm"),
    ],
)
def test_a_name_leads_to_the_listener_that_serves_it(proxied: Home, name: str, served_by: str) -> None:
    tunnel = connect(proxied, f"{name}.{proxied.suffix}:443")
    assert tunnel.status == 200
    assert talk(tunnel) == f"{served_by}:hello".encode()


def test_what_a_client_sends_with_its_connect_is_not_lost(proxied: Home) -> None:
    tunnel = connect(proxied, f"data1.blob.core.{proxied.suffix}:443", b"early ")
    assert talk(tunnel, b"late") == b"blob:early late"


def test_a_site_is_served_over_tls_with_the_homes_certificate(proxied: Home, trust: ssl.SSLContext) -> None:
    host = proxied.site_host("app-1")
    tunnel = connect(proxied, f"{host}:443")
    with trust.wrap_socket(tunnel.socket, server_hostname=host) as encrypted:
        encrypted.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer = b"".join(iter(lambda: encrypted.recv(4096), b""))
    assert answer == b"functions:GET / HTTP/1.1\r\n\r\n"


def test_certificates_that_cannot_be_read_any_more_do_not_end_storages_process(
    tmp_path: Path, trust: ssl.SSLContext, home: Home
) -> None:
    shutil.copytree(home.root, tmp_path / "home")
    moved = replace(home, root=tmp_path / "home", ports=Ports.free())
    with listener(answer_head, moved.ports.functions), running(moved) as process:
        shutil.rmtree(moved.certificates)
        host = moved.site_host("app-1")
        opened = connect(moved, f"{host}:443").socket
        with trust.wrap_socket(opened, server_hostname=host) as encrypted:
            encrypted.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"".join(iter(lambda: encrypted.recv(4096), b"")).startswith(b"functions:GET")
        assert process.poll() is None


@pytest.mark.parametrize(
    "authority",
    [
        "data1.file.core.{suffix}:443",
        "data1.blob.core.{suffix}:80",
        "da.blob.core.{suffix}:443",
        "a.data1.blob.core.{suffix}:443",
        "portal.{suffix}:443",
        "{suffix}:443",
        ".{suffix}:443",
    ],
)
def test_a_name_that_nothing_serves_is_refused_in_words(proxied: Home, authority: str) -> None:
    authority = authority.format(suffix=proxied.suffix)
    refused = connect(proxied, authority)
    assert (refused.status, refused.words) == (502, f"localcloud serves nothing at {authority}.")


def test_a_listener_that_does_not_run_is_named(proxied: Home) -> None:
    refused = connect(proxied, f"data1.table.core.{proxied.suffix}:443")
    assert refused.status == 502
    assert f"data1.table.core.{proxied.suffix} at {LOOPBACK}:{proxied.ports.table}" in refused.words


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost", "a.localhost", "127.1"],
)
def test_loopback_is_never_reached_through_the_proxy(proxied: Home, host: str) -> None:
    refused = connect(proxied, f"{host}:{proxied.ports.blob}")
    assert refused.status == 403
    assert "loopback is reached without a proxy" in refused.words


@pytest.mark.parametrize("authority", ["management", "a b:443", "x:0", "x:65536", "user@x:443", ":443", "x:"])
def test_a_connect_without_host_and_port_is_refused(proxied: Home, authority: str) -> None:
    assert connect(proxied, authority).status == 400


def test_a_request_that_is_no_connect_is_told_how_to_use_the_proxy(proxied: Home) -> None:
    client = http.client.HTTPConnection(LOOPBACK, proxied.ports.proxy, timeout=10)
    client.request("GET", "http://example.invalid/")
    answer = client.getresponse()
    assert (answer.status, "set it as HTTPS_PROXY" in answer.read().decode()) == (501, True)


def test_every_other_host_is_reached_directly(proxied: Home) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    with listener(echo("elsewhere"), host=address) as port:
        assert talk(connect(proxied, f"{address}:{port}")) == b"elsewhere:hello"


def test_a_host_that_nobody_knows_is_refused(proxied: Home) -> None:
    refused = connect(proxied, "nobody.invalid:443")
    assert refused.status == 502
    assert refused.words.startswith("nobody.invalid could not be found")


@contextmanager
def persons_proxy(status: int, asked: list[bytes]) -> Iterator[int]:
    """A proxy that notes what it is asked for, and leads everything to an echo of its own."""

    def answer(accepted: socket.socket) -> None:
        with accepted:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += accepted.recv(1)
            asked.append(head)
            accepted.sendall(f"HTTP/1.1 {status} So Be It\r\n\r\n".encode())
            if status == 200:
                said = b"".join(iter(lambda: accepted.recv(4096), b""))
                accepted.sendall(b"outside:" + said)

    with listener(answer) as port:
        yield port


@pytest.fixture
def other(home: Home) -> Home:
    """The same home with another proxy port, for a proxy with variables of its own."""
    return replace(home, ports=replace(home.ports, proxy=free_ports(1)[0]))


def test_other_hosts_go_by_the_persons_proxy(other: Home) -> None:
    asked: list[bytes] = []
    excepted = "intranet.invalid, .corp.invalid"
    with (
        persons_proxy(200, asked) as port,
        running(
            other,
            HTTPS_PROXY=f"http://me:p%40ss@127.0.0.1:{port}",
            NO_PROXY=excepted,
        ),
    ):
        assert talk(connect(other, "outside.invalid:443")) == b"outside:hello"
        assert connect(other, "intranet.invalid:443").words.startswith("intranet.invalid could not be found")
        assert connect(other, "a.corp.invalid:443").words.startswith("a.corp.invalid could not be found")
    assert [head.split()[1] for head in asked] == [b"outside.invalid:443"]
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:p@ss") in asked[0]


def test_a_refusal_of_the_persons_proxy_is_told(other: Home) -> None:
    with persons_proxy(407, []) as port, running(other, HTTPS_PROXY=f"127.0.0.1:{port}"):
        refused = connect(other, "outside.invalid:443")
    assert refused.status == 502
    assert "did not lead to outside.invalid:443: it answered 407 So Be It" in refused.words


def test_a_shell_that_has_the_proxy_already_does_not_make_it_ask_itself(other: Home) -> None:
    assert other.proxy is not None
    with running(other, HTTPS_PROXY=other.proxy):
        assert connect(other, "nobody.invalid:443").words.startswith("nobody.invalid could not be found")


def test_a_variable_that_is_no_proxy_is_refused_where_it_matters(other: Home) -> None:
    with running(other, HTTPS_PROXY="socks5://127.0.0.1:1"):
        assert "is not the URL of an HTTP proxy" in connect(other, "outside.invalid:443").words
        assert connect(other, f"nothing.{other.suffix}:443").status == 502


def test_connections_that_end_on_either_side_are_forgotten(other: Home) -> None:
    def hang_up(accepted: socket.socket) -> None:
        accepted.recv(1)
        accepted.close()

    ports = replace(other.ports, arm=free_ports(1)[0])
    here = replace(other, ports=ports)
    with listener(hang_up, ports.arm), running(here) as process:
        for _ in range(20):
            talk(connect(here, f"management.{here.suffix}:443"))
            connect(here, f"management.{here.suffix}:443").socket.close()
            connect(here, f"nothing.{here.suffix}:443").socket.close()
        until(lambda: len(psutil.Process(process.pid).net_connections("tcp")) == 1)
