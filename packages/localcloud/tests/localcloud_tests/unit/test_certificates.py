"""Whom the programs of a home trust."""

from pathlib import Path

import certifi
import pytest
from localcloud import certificates
from localcloud.home import Home
from localcloud.parts import StackError

BEGIN = b"-----BEGIN CERTIFICATE-----"


def bundle(folder: Path) -> bytes:
    home = Home.open(folder / "home")
    certificates.ensure(home)
    return home.ca_bundle.read_bytes()


def test_by_default_a_home_trusts_the_public_roots_and_its_own_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(certificates.ROOTS)
    public = Path(certifi.where()).read_bytes()
    found = bundle(tmp_path)
    assert found.startswith(public)
    assert found.count(BEGIN) == public.count(BEGIN) + 1


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_home_trusts_the_roots_that_are_named_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    first = Path(certifi.where()).read_bytes().partition(BEGIN)[2].partition(BEGIN)[0]
    company = BEGIN + first.rpartition(b"-----")[0] + b"-----"
    (tmp_path / "company.pem").write_bytes(company + end)
    monkeypatch.setenv(certificates.ROOTS, str(tmp_path / "company.pem"))
    found = bundle(tmp_path)
    assert found.startswith(company + b"\n" + BEGIN)
    assert found.count(BEGIN) == 2


def test_an_empty_file_of_roots_leaves_the_homes_own_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(certificates.ROOTS, "/dev/null")
    assert bundle(tmp_path).count(BEGIN) == 1


def test_roots_that_cannot_be_read_make_no_home_and_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "nothing.pem")
    monkeypatch.setenv(certificates.ROOTS, missing)
    with pytest.raises(StackError, match=f"LOCALCLOUD_ROOTS is {missing}, which"):
        bundle(tmp_path)
    monkeypatch.delenv(certificates.ROOTS)
    assert bundle(tmp_path).count(BEGIN) > 1
