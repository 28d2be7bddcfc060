"""What a deployment's expressions may ask, answered by the cloud's own Resource Manager.

Expressions are evaluated at once, and Resource Manager answers later. So an answer that is not there yet is
raised as a question; it is asked, and the expression is evaluated again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from localcloud.deployments.evaluation import Evaluator
from localcloud.deployments.resource_manager import RefusedError, body_of, path_of
from localcloud.deployments.syntax import ExpressionError
from localcloud.deployments.tracing import Document

METADATA = "/metadata/endpoints"
METADATA_VERSION = "2019-05-01"
type Key = tuple[str, str, str]
"""Method, path and api-version."""


class Question(Exception):  # noqa: N818 - it is no error: whoever evaluates asks it, and goes on
    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


@dataclass
class Answers:
    """A deployment (evaluation.Deployment) whose answers are asked for when they are needed.

    versions: by the id of a resource in small letters, the api-version that deploys it.
    """

    subscription: str
    resource_group: str | None
    principal: Document
    versions: dict[str, str]
    known: dict[Key, Document] = field(default_factory=dict)

    def environment(self) -> Document:
        return self._answer("GET", METADATA, METADATA_VERSION)

    def deployer(self) -> Document:
        return self.principal

    def reference(self, resource: str, api_version: str | None, full: bool, /) -> Document:
        version = api_version or self.versions.get(resource.lower())
        if version is None:
            raise ExpressionError(
                f"The api-version must be given: the template does not deploy the resource '{resource}'"
            )
        whole = self._answer("GET", resource, version)
        return {**whole, "apiVersion": version} if full else whole.get("properties") or {}

    def list_keys(self, resource: str, api_version: str, /) -> Document:
        return self._answer("POST", f"{resource}/listKeys", api_version)

    def _answer(self, method: str, path: str, version: str) -> Document:
        key = (method, path, version)
        if key not in self.known:
            raise Question(key)
        return self.known[key]


async def evaluated(value: Document, answers: Answers, client: httpx.AsyncClient) -> Document:
    """A document with the values of its expressions.

    What was known before is asked again, since resources have changed. Raises ExpressionError, and
    RefusedError for a question that Resource Manager refuses.
    """
    answers.known.clear()
    evaluate: Callable[[Any], Any] = Evaluator(answers).document
    while True:
        try:
            return dict(evaluate(value))
        except Question as question:
            answers.known[question.key] = await asked(client, question.key)


async def asked(client: httpx.AsyncClient, key: Key) -> Document:
    method, path, version = key
    answer = await client.request(method, path_of(path), params={"api-version": version})
    body = body_of(answer)
    if not answer.is_success:
        raise RefusedError.of(answer)
    return (body[0] if isinstance(body, list) else body) or {}
