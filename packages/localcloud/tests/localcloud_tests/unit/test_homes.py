"""The home that a command opens, and the ports that it gets."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from localcloud.cli.options import opened
from localcloud.cli.outcome import CommandError, Exit
from localcloud.home import LOOPBACK, Ports


@pytest.fixture
def taken() -> Iterator[Ports]:
    """Ports of which one, that of the Functions host, is this process's."""
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        yield replace(Ports.free(), functions=other.getsockname()[1])


def test_a_new_home_names_the_port_that_is_taken_and_by_whom(tmp_path: Path, taken: Ports) -> None:
    with pytest.raises(CommandError) as refused:
        opened(tmp_path / "home", free=False, usual=taken)
    assert refused.value.code is Exit.CANNOT_START
    assert f"port {taken.functions} (functions) is taken by" in str(refused.value)
    assert f"(pid {os.getpid()})" in str(refused.value)
    assert "--free-ports" in refused.value.hint
    assert not (tmp_path / "home").exists()


def test_free_ports_keep_the_usual_ones_that_are_free(tmp_path: Path, taken: Ports) -> None:
    ports = opened(tmp_path / "home", free=True, usual=taken).ports
    assert ports.functions != taken.functions
    assert replace(ports, functions=taken.functions) == taken


def test_a_home_keeps_its_ports(tmp_path: Path, taken: Ports) -> None:
    first = opened(tmp_path / "home", free=True, usual=taken)
    assert opened(tmp_path / "home", free=False) == first
