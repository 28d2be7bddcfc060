"""Each role assignment of the templates is proven on localcloud, or the documents say why it is not."""

import importlib
import pkgutil

import pytest

from scripts.assigned_roles import assignments
from scripts.proven_roles import BEGIN, DOCUMENT, NOT_PROVEN, PROVEN, filled
from tests.integration import roles
from tests.integration.roles.stage import PROVED


def test_each_assignment_is_proven_or_has_a_reason_and_a_source() -> None:
    assert {*PROVEN} | {*NOT_PROVEN} == {*assignments()}
    assert {*PROVEN} & {*NOT_PROVEN} == set()
    assert all(why and source for why, source in NOT_PROVEN.values())


def test_what_the_documents_call_proven_is_taken_away_and_put_back_by_a_test() -> None:
    for module in pkgutil.iter_modules(roles.__path__):
        importlib.import_module(f"{roles.__name__}.{module.name}")
    assert {*PROVEN} == set().union(*PROVED.values())


def test_the_table_of_proven_roles_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert filled(text) == text, "run: python -m scripts.proven_roles"


def test_a_document_without_its_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="lacks"):
        filled(DOCUMENT.read_text().replace(BEGIN, ""))
