"""The store: all threads of a process, and the next process, read what one process writes."""

import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from localcloud.store import Document, Store

THREADS = 8


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "folder" / "cloud.sqlite")
    yield store
    store.close()


def document(number: int) -> Document:
    """A body with its own id, so that a test notices a document of another id."""
    return {"id": str(number), "text": f"{number} " * (number % 40)}


def test_a_get_returns_the_document_asked_for_while_other_threads_read_and_write(store: Store) -> None:
    for number in range(200):
        store.put("kept", str(number), document(number))

    def work(thread: int) -> list[str]:
        chosen = random.Random(thread)
        wrong = []
        for turn in range(2500):
            number = chosen.randrange(200)
            if turn % 5 == 0:
                store.put("written", f"{thread}/{turn}", document(turn))
            if (found := store.get("kept", str(number))) != document(number):
                wrong.append(f"asked for {number}, got {found and found['id']}")
        return wrong

    with ThreadPoolExecutor(THREADS) as threads:
        assert [wrong for found in threads.map(work, range(THREADS)) for wrong in found] == []
    assert len(store.list("written")) == THREADS * 500


def test_of_concurrent_adds_of_one_id_exactly_one_stores_its_body(store: Store) -> None:
    def claim(thread: int) -> list[bool]:
        return [store.add("claim", str(number), {"by": thread}) for number in range(200)]

    with ThreadPoolExecutor(THREADS) as threads:
        claims = list(threads.map(claim, range(THREADS)))
    for number, answers in enumerate(zip(*claims, strict=True)):
        assert sum(answers) == 1
        assert store.get("claim", str(number)) == {"by": answers.index(True)}


def test_of_concurrent_deletes_of_one_id_exactly_one_deletes_it(store: Store) -> None:
    for number in range(200):
        store.put("kept", str(number), {})

    def delete(_: int) -> list[bool]:
        return [store.delete("kept", str(number)) for number in range(200)]

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(delete, range(THREADS)))
    assert [sum(each) for each in zip(*answers, strict=True)] == [1] * 200
    assert store.list("kept") == []


def test_a_list_holds_every_document_of_its_kind_while_other_threads_write(store: Store) -> None:
    for number in range(50):
        store.put("kept", f"a/{number}", document(number))

    def write(thread: int) -> None:
        for number in range(300):
            store.put("kept", f"b/{thread}/{number}", document(number))

    def read(_: int) -> set[int]:
        return {len(store.list("kept", "a/")) for _ in range(300)}

    with ThreadPoolExecutor(THREADS) as threads:
        writers = [threads.submit(write, thread) for thread in range(THREADS // 2)]
        lengths = set().union(*threads.map(read, range(THREADS // 2)))
        for writer in writers:
            writer.result()
    assert lengths == {50}
    assert [body for _, body in store.list("kept", "a/")] == [document(number) for number in range(50)]


def test_a_change_keeps_its_place_in_the_list(store: Store) -> None:
    for id_ in ("c", "a", "b"):
        store.put("kept", id_, {"version": 1})
    store.put("kept", "c", {"version": 2})
    assert store.list("kept") == [("c", {"version": 2}), ("a", {"version": 1}), ("b", {"version": 1})]


def test_a_prefix_is_taken_literally(store: Store) -> None:
    for id_ in ("a%b", "a_b", "aXb", "A%b"):
        store.put("kept", id_, {})
    assert [id_ for id_, _ in store.list("kept", "a%")] == ["a%b"]


def test_what_was_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "cloud.sqlite"
    first = Store(file)
    first.put("kept", "one", {"text": "ä\N{SNOWMAN}"})
    # The store stays open, because a killed process does not close it either.
    second = Store(file)
    assert second.get("kept", "one") == {"text": "ä\N{SNOWMAN}"}
    first.close()
    second.close()


def test_a_closed_store_refuses_and_may_be_closed_again(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.get("kept", "one")


def test_kinds_are_forgotten_by_their_prefix(tmp_path: Path) -> None:
    store = Store(tmp_path / "cloud.sqlite")
    for kind in ("a.b", "a.c", "ab.c"):
        store.put(kind, "1", {})
    store.forget("a.")
    assert [len(store.list(kind)) for kind in ("a.b", "a.c", "ab.c")] == [0, 0, 1]
    store.close()
