"""Where localcloud keeps its resources between restarts: JSON documents in one SQLite file.

Documents and not tables, because each service owns the shape of its own resources and Azure's bodies
are JSON anyway. Calls are synchronous: they take microseconds, and a state change that has been
answered to a client must be on disk.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """JSON documents by (kind, id), in insertion order. Thread-safe; one writer process."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id))"
        )

    def get(self, kind: str, id_: str) -> Document | None:
        row = self._db.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id_)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, id_: str, body: Document) -> None:
        self._db.execute(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, id_, json.dumps(body)),
        )

    def add(self, kind: str, id_: str, body: Document) -> bool:
        """Store `body` unless there is one already; whether it was stored."""
        cursor = self._db.execute(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (kind, id_, json.dumps(body)),
        )
        return cursor.rowcount == 1

    def delete(self, kind: str, id_: str) -> bool:
        cursor = self._db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id_))
        return cursor.rowcount == 1

    def list(self, kind: str, prefix: str = "") -> list[tuple[str, Document]]:
        """(id, body) of every document of `kind` whose id begins with `prefix`, oldest first."""
        rows = self._db.execute(
            "SELECT id, body FROM documents WHERE kind = ? AND substr(id, 1, ?) = ? ORDER BY rowid",
            (kind, len(prefix), prefix),
        )
        return [(id_, json.loads(body)) for id_, body in rows]

    def close(self) -> None:
        self._db.close()
