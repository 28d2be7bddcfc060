"""Texts that look like expressions and are none.

A snapshot does not tell them apart: of a parameter's value `[f()]`, and of `[[f()]` in a template, the
compiler writes `[f()]`, as it does of an expression that it leaves. Where a text of the request would be
mistaken, it is replaced by an expression that gives the text.
"""

from collections.abc import Mapping
from typing import Any

from localcloud.deployments.syntax import is_expression
from localcloud.deployments.tracing import Document, texts_in


def literal_texts(template: Document, values: Mapping[str, Any]) -> set[str]:
    """The texts of a request that are no expressions, and would be taken for them in its snapshot."""
    escaped = (each[1:] for each in texts_in(template) if each.startswith("[["))
    return {each for each in (*texts_in(dict(values)), *escaped) if is_expression(each)}


def protected(value: Any, texts: set[str]) -> Any:
    """A snapshot in which each of the texts is an expression for itself."""
    if not texts:
        return value
    if isinstance(value, str):
        return expression_for(value) if value in texts else value
    if isinstance(value, dict):
        return {protected(name, texts): protected(each, texts) for name, each in value.items()}
    if isinstance(value, list):
        return [protected(each, texts) for each in value]
    return value


def expression_for(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"[concat('{quoted}')]"
