"""The search for secrets in a cloud's files finds each kind of them, and nothing else."""

import json
from pathlib import Path

import pytest

from tests.secrets_left import secrets_left

KEY = "Xdck143yUARZfpe32w-GMN6j8Gt-0wVwjQsMfFIEW9STKYWPlDnZ6w"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "keys.json").write_text(json.dumps({"functionKeys": {"default": KEY}, "version": "1"}))
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "server.key").write_text("-----BEGIN EC PRIVATE KEY-----")
    (tmp_path / "logs").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        f"POST /api/runs with {KEY} failed",
        f"https://site.test/api/runs?code={KEY[::-1]}",
        "https://account.blob.core.test/c/b?sv=2025&sig=Zm9vYmFyYmF6cXV4cXV1eA%3D%3D",
        "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiIxMjM0NTYifQ.c2lnbmF0dXJlLW9mLWl0",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Zm9v",
        "Authorization: SharedKey account:Zm9v",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_a_secret_is_found_in_any_file(home: Path, line: str) -> None:
    (home / "logs" / "functions.log").write_bytes(b"\x00binary\n" + line.encode() + b"\n")
    (found,) = secrets_left(home)
    assert found.startswith("logs/functions.log: ")
    assert KEY not in found


def test_where_keys_are_kept_and_in_ordinary_lines_none_is_found(home: Path) -> None:
    (home / "logs" / "functions.log").write_text("GET /api/runs?code=… 200, &sig=… of eyJ, version 1\n")
    assert secrets_left(home) == []
