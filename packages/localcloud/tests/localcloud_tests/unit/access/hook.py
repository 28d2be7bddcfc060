"""Storage's evaluator, which must decide as the Python one does: a Node process that answers questions."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from localcloud.access.calls import Call
from localcloud.access.conditions.terms import Condition
from localcloud.access.decisions import Access
from localcloud.storage import policy
from localcloud.storage.conditions import as_json, name

PROGRAM = Path(__file__).with_name("evaluate.cjs")


class Hook:
    """The process. `start` before the first question; `stop` at the end."""

    _process: "subprocess.Popen[str]"

    def start(self) -> None:
        node = shutil.which("node")
        assert node, "Node is missing: install Node 20 or newer."
        self._process = subprocess.Popen(
            [node, str(PROGRAM), str(policy.HOOK.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def stop(self) -> None:
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()

    def ask(self, kind: str, **question: Any) -> bool | None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"kind": kind, **question}) + "\n")
        self._process.stdin.flush()
        answer: bool | None = json.loads(self._process.stdout.readline())
        return answer

    def met(self, condition: Condition, call: Call) -> bool | None:
        """The result of a condition's term for a call."""
        return self.ask("condition", term=as_json(condition.term), call=_json(call))

    def allows(self, access: Access, call: Call) -> bool | None:
        return self.ask("access", held=policy.held(access), call=_json(call))


HOOK = Hook()


def _json(call: Call) -> dict[str, Any]:
    return {
        "principal": call.principal,
        "operation": call.operation,
        "scope": call.scope,
        "isData": call.is_data,
        "suboperation": call.suboperation,
        "attributes": {name(attribute): value for attribute, value in call.attributes.items()},
    }
