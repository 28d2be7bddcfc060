"""A home's lock, which tells whether its stack runs: who asks for it keeps no stack from starting."""

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from localcloud.home import Home, Ports
from localcloud.stack import Lock, is_locked


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", Ports.free())


@pytest.fixture
def lock(home: Home) -> Iterator[Lock]:
    made = Lock(home)
    yield made
    made.release()


def test_a_home_is_locked_while_a_stack_holds_its_lock(home: Home, lock: Lock) -> None:
    assert not is_locked(home)
    assert lock.acquire()
    assert is_locked(home)
    assert not Lock(home).acquire()
    lock.release()
    assert not is_locked(home)


def test_who_asks_takes_another_who_asks_for_no_stack_and_is_waited_for_by_a_stack(
    home: Home, lock: Lock
) -> None:
    taken: list[bool] = []
    starting = threading.Thread(target=lambda: taken.append(lock.acquire()))
    with (home.root / "stack.lock").open("a") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert not is_locked(home)
        starting.start()
    starting.join(timeout=60)
    assert taken == [True]
