"""localcloud's resources, kept between restarts: JSON documents in one SQLite file.

The store keeps documents rather than tables because each service owns the shape of its resources, and
Azure's bodies are JSON anyway. Calls are synchronous: they take microseconds, and a change must be on disk
before a client gets its answer.
"""

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Parameters = tuple[str | int, ...]
Rows = list[Any]


class Store:
    """JSON documents by (kind, id), in the order in which they were first put.

    Any thread of one process may call it. Another process may read the file, but must not write to it.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It holds keys and secrets. SQLite gives the files beside it (-wal, -shm) the mode of the database.
        file.touch(mode=0o600)
        file.chmod(0o600)
        # sqlite3 gives every caller of a connection the same prepared statement for the same SQL. Two threads
        # in one statement read each other's rows, so the lock is held until the last row has been fetched.
        self._lock = threading.Lock()
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id))"
        )

    def get(self, kind: str, id_: str) -> Document | None:
        rows = self._read("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id_))
        return json.loads(rows[0][0]) if rows else None

    def put(self, kind: str, id_: str, body: Document) -> None:
        self._write(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, id_, json.dumps(body)),
        )

    def add(self, kind: str, id_: str, body: Document) -> bool:
        """Store `body` unless the id is in use; returns whether it was stored."""
        changed = self._write(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (kind, id_, json.dumps(body)),
        )
        return changed == 1

    def delete(self, kind: str, id_: str) -> bool:
        """Delete a document; returns whether it existed."""
        return self._write("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id_)) == 1

    def forget(self, prefix: str) -> None:
        """Delete all documents whose kind begins with `prefix`."""
        self._write("DELETE FROM documents WHERE substr(kind, 1, ?) = ?", (len(prefix), prefix))

    def list(self, kind: str, prefix: str = "") -> list[tuple[str, Document]]:
        """(id, body) of every document of `kind` whose id begins with `prefix`, oldest first."""
        rows = self._read(
            "SELECT id, body FROM documents WHERE kind = ? AND substr(id, 1, ?) = ? ORDER BY rowid",
            (kind, len(prefix), prefix),
        )
        return [(id_, json.loads(body)) for id_, body in rows]

    def close(self) -> None:
        """Close the file; every later call raises sqlite3.ProgrammingError."""
        with self._lock:
            self._db.close()

    def _read(self, sql: str, parameters: Parameters) -> Rows:
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def _write(self, sql: str, parameters: Parameters) -> int:
        """Returns how many rows were changed."""
        with self._lock:
            return self._db.execute(sql, parameters).rowcount
