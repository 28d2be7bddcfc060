"""Resource Manager's routes for deployments. A small program stands in for the compiler."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from localcloud.deployments import compiler
from localcloud.testing import GROUP, ROOT, Json, Manager, manager

TYPE = "Microsoft.Resources/deployments"
ONE = f"{ROOT}/providers/{TYPE}/all"
IN_GROUP = f"{GROUP}/providers/{TYPE}/part"
RESOURCE = {"id": GROUP, "type": "Microsoft.Resources/resourceGroups", "name": "lab"}
SNAPSHOT = {"predictedResources": [{**RESOURCE, "apiVersion": "2024-03-01", "location": "westeurope"}]}
TEMPLATE = {"contentVersion": "1.0.0.0", "resources": []}


@pytest.fixture
async def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Manager]:
    stand_in(tmp_path, monkeypatch, f"printf '%s' '{json.dumps(SNAPSHOT)}' > main.snapshot.json")
    async with manager(tmp_path / "home") as opened:
        yield opened


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    program = folder / "bicep"
    program.write_text(f'#!/bin/sh\n[ "$1" = snapshot ] || exit 9\n{script}\n')
    program.chmod(0o700)
    monkeypatch.setenv(compiler.VARIABLE, str(program))
    return program


def body(**properties: Any) -> dict[str, Any]:
    asked = {"template": TEMPLATE, "mode": "Incremental", **properties}
    return {"location": "westeurope", "properties": asked}


async def refusal(arm: Manager, asked: dict[str, Any], path: str = ONE) -> tuple[int, str, str]:
    answer = await arm.send("PUT", path, asked)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


async def test_a_deployment_is_read_listed_exported_and_deleted(arm: Manager) -> None:
    created = await arm.send("PUT", ONE, body() | {"tags": {"env": "lab"}})
    assert (created.status_code, created.json()["properties"]["provisioningState"]) == (201, "Accepted")
    assert created.headers["retry-after"] == "1"
    assert (await arm.ended(ONE))["provisioningState"] == "Succeeded"
    one = (await arm.send("GET", ONE.replace("providers", "PROVIDERS"))).json()
    assert (one["id"], one["name"], one["type"], one["location"]) == (ONE, "all", TYPE, "westeurope")
    assert (one["tags"], one["properties"]["mode"]) == ({"env": "lab"}, "Incremental")
    assert "kept" not in one
    assert (await arm.send("HEAD", ONE)).status_code == 204
    every = f"{ROOT}/providers/{TYPE}/"
    assert (await arm.send("GET", every)).json()["value"] == [one]
    failed: Json = {"$filter": "provisioningState eq 'Failed'"}
    assert (await arm.send("GET", every, None, **failed)).json()["value"] == []
    assert (await arm.send("GET", every, None, **{"$top": "0"})).json()["value"] == []
    assert (await arm.send("GET", every, None, **{"$filter": "name eq 'a'"})).status_code == 501
    assert (await arm.send("POST", f"{ONE}/exportTemplate")).json() == {"template": TEMPLATE}

    assert (await arm.send("PUT", ONE, body())).status_code == 200
    await arm.ended(ONE)
    deleted = await arm.send("DELETE", ONE)
    assert deleted.status_code == 202
    assert (await arm.http.get(deleted.headers["location"])).status_code == 204
    assert (await arm.send("HEAD", ONE)).status_code == 404
    gone = await arm.send("GET", ONE)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "DeploymentNotFound")
    assert (await arm.send("GET", f"{ONE}/operations")).status_code == 404
    assert (await arm.send("DELETE", ONE)).status_code == 204


async def test_the_status_of_an_operation_is_that_of_its_own_deployment(arm: Manager) -> None:
    first = (await arm.send("PUT", ONE, body())).headers["azure-asyncoperation"]
    await arm.ended(ONE)
    assert (await arm.http.get(first)).json() == {"status": "Succeeded"}
    second = (await arm.send("PUT", ONE, body())).headers["azure-asyncoperation"]
    assert (await arm.http.get(first)).status_code == 404
    await arm.ended(ONE)
    assert (await arm.http.get(second)).json() == {"status": "Succeeded"}


async def test_the_status_of_a_failed_deployment_tells_its_error(
    arm: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {**SNAPSHOT["predictedResources"][0], "id": f"{ROOT}/providers/Microsoft.Nothing/x/y"}
    snapshot = json.dumps({"predictedResources": [unknown]})
    stand_in(tmp_path, monkeypatch, f"printf '%s' '{snapshot}' > main.snapshot.json")
    operation = (await arm.send("PUT", ONE, body())).headers["azure-asyncoperation"]
    error = (await arm.ended(ONE))["error"]
    assert (await arm.http.get(operation)).json() == {"status": "Failed", "error": error}
    assert error["details"][0]["code"] == "NotImplemented"


async def test_what_localcloud_lacks_is_501_and_says_so(arm: Manager) -> None:
    assert (await refusal(arm, body(mode="Complete")))[:2] == (501, "NotImplemented")
    assert (await refusal(arm, body(templateLink={"uri": "https://x"})))[0] == 501
    secret = {"key": {"reference": {"keyVault": {"id": "x"}, "secretName": "y"}}}
    status, _, message = await refusal(arm, body(parameters=secret))
    assert (status, "'key'" in message) == (501, True)
    accepted = await arm.send("POST", f"{ONE}/whatIf", body())
    assert accepted.status_code == 202
    what_if = await arm.http.get(accepted.headers["location"])
    assert (what_if.status_code, "what-if" in what_if.json()["error"]["message"]) == (501, True)


async def test_without_a_compiler_the_answer_says_how_to_get_one(
    arm: Manager, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for value in ("", str(tmp_path / "nosuch")):
        monkeypatch.setenv(compiler.VARIABLE, value)
        status, code, message = await refusal(arm, body())
        assert (status, code) == (501, "NotImplemented")
        assert "az bicep install" in message
        assert value in message


async def test_a_template_that_was_validated_is_evaluated_once(
    arm: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    answer = f"printf '%s' '{json.dumps(SNAPSHOT)}' > main.snapshot.json"
    stand_in(tmp_path, monkeypatch, f"echo call >> {calls}; {answer}")
    asked, other = body(parameters={"a": {"value": 1}}), body(parameters={"a": {"value": 2}})
    for method, path, sent, evaluations in (
        ("POST", f"{ONE}/validate", asked, 1),
        ("PUT", ONE, asked, 1),
        ("POST", f"{ONE}/validate", other, 2),
        ("POST", f"{ONE}2/validate", other, 3),
    ):
        assert (await arm.send(method, path, sent)).is_success
        assert calls.read_text().count("call") == evaluations


async def test_requests_that_azure_refuses_are_refused(arm: Manager) -> None:
    assert (await refusal(arm, {"location": "westeurope"}))[1] == "InvalidRequestContent"
    assert (await refusal(arm, {"properties": body()["properties"]}))[1] == "LocationRequired"
    assert (await refusal(arm, body(template=None)))[1] == "InvalidTemplate"
    assert (await refusal(arm, body(parameters={"a": 1})))[1] == "InvalidRequestContent"
    assert (await refusal(arm, body(), f"{ONE}%20x"))[1] == "InvalidDeploymentName"
    assert (await refusal(arm, body(), IN_GROUP))[:2] == (404, "ResourceGroupNotFound")
    assert (await refusal(arm, body() | {"location": "a;b"}))[1] == "InvalidLocation"


async def test_a_body_is_read_as_az_writes_it(arm: Manager) -> None:
    text = '{"location": "here", "properties": {"mode": "Incremental", template:{"resources": [], // no\n}}}'
    for path, method, status in ((ONE, "PUT", 201), (f"{ONE}/validate", "POST", 200)):
        query = {"api-version": "2025-04-01"}
        answer = await arm.http.request(method, path, params=query, content=text.encode())
        assert answer.status_code == status, answer.text
    assert (await arm.ended(ONE))["provisioningState"] == "Succeeded"


async def test_a_compiler_that_ends_without_a_snapshot_is_quoted(
    arm: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Template snapshotting could not be completed for the following reason: ''no good''."
    stand_in(tmp_path, monkeypatch, f'echo "{words}" >&2; exit 1'.replace("''", "'"))
    message = "Deployment template validation failed: 'no good'."
    assert await refusal(arm, body()) == (400, "InvalidTemplate", message)


async def test_a_compiler_that_does_not_end_is_ended(
    arm: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "LIMIT", 0.05)
    stand_in(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    status, _, message = await refusal(arm, body())
    assert (status, "did not answer" in message) == (501, True)


async def test_the_compiler_sees_only_its_own_folder_and_the_request(
    arm: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    stand_in(
        tmp_path,
        monkeypatch,
        f"{{ ls; cat main.bicepparam; echo \"$@\"; pwd; }} > {seen}; echo '{{}}' > main.snapshot.json",
    )
    value = "'; $(touch /tmp/never) ${x}"
    await arm.send("PUT", ONE, body(parameters={"a": {"value": value}}))
    text = seen.read_text()
    assert text.splitlines()[:3] == ["bicepconfig.json", "main.bicepparam", "main.json"]
    assert "param a = '\\'; \\$(touch /tmp/never) \\${x}'" in text
    assert "--deployment-name all" in text
    assert not await asyncio.to_thread(Path(text.splitlines()[-1]).exists)


def test_the_compiler_is_found_by_the_setting_the_path_and_in_azs_own_folder(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "bicep"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o700)
    nowhere = {"PATH": "/nowhere"}
    assert compiler.find_compiler({compiler.VARIABLE: str(program), **nowhere}) == program
    assert compiler.find_compiler({"PATH": str(program.parent), "AZURE_CONFIG_DIR": "/nowhere"}) == program
    assert compiler.find_compiler({"AZURE_CONFIG_DIR": str(tmp_path), **nowhere}) == program
    with pytest.raises(compiler.NoCompilerError, match="az bicep install"):
        compiler.find_compiler({"AZURE_CONFIG_DIR": "/nowhere", **nowhere})


async def test_a_template_that_the_compiler_does_not_read_whole_is_refused(
    arm: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested = f"{GROUP}/providers/{TYPE}/n Warning NestedDeploymentShortCircuited: no link resolver."
    partial = json.dumps({"predictedResources": [], "diagnostics": [nested]})
    stand_in(tmp_path, monkeypatch, f"printf '%s' '{partial}' > main.snapshot.json")
    status, code, message = await refusal(arm, body())
    assert (status, code) == (501, "NotImplemented")
    assert nested in message
    assert (await arm.send("POST", f"{ONE}/validate", body())).status_code == 501


@pytest.mark.parametrize("text", ["[" * 100_000, '{"properties": ' * 100_000])
async def test_a_body_nested_too_deeply_is_refused(arm: Manager, text: str) -> None:
    for path in (ONE, GROUP):
        answer = await arm.http.put(path, content=text, params={"api-version": "2025-04-01"})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "InvalidRequestContent")
