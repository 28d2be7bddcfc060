"""The home that a command opens, and the ports that it gets."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from localcloud.home import LOOPBACK, Ports
from localcloud.lifecycle import LifecycleError, open_home


@pytest.fixture
def taken() -> Iterator[Ports]:
    """Free ports, except that this process listens on the Functions host's."""
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        yield replace(Ports.free(), functions=other.getsockname()[1])


def test_a_new_home_names_the_port_that_is_taken_and_by_whom(tmp_path: Path, taken: Ports) -> None:
    with pytest.raises(LifecycleError) as refused:
        open_home(tmp_path / "home", free=False, usual=taken)
    assert f"port {taken.functions} (functions) is taken by" in str(refused.value)
    assert f"(pid {os.getpid()})" in str(refused.value)
    assert "--free-ports" in refused.value.hint
    assert not (tmp_path / "home").exists()


def test_free_ports_keep_the_usual_ones_that_are_free(tmp_path: Path, taken: Ports) -> None:
    ports = open_home(tmp_path / "home", free=True, usual=taken).ports
    assert ports.functions != taken.functions
    assert replace(ports, functions=taken.functions) == taken


def test_a_home_keeps_its_ports(tmp_path: Path, taken: Ports) -> None:
    first = open_home(tmp_path / "home", free=True, usual=taken)
    assert open_home(tmp_path / "home", free=False) == first
