"""Custom activities, from their files on the node to their output: success, failure and refusals."""

import json
import sys
from typing import Any

import pytest

from localcloud_tests.integration.datafactory.conftest import Factory, custom, python, reference
from localcloud_tests.resources import BATCH_ACCOUNT, POOL

pytestmark = pytest.mark.integration

REPORT = """
import json, os, sys
names = sorted(os.listdir("."))
activity = json.load(open("activity.json"))
print("hello from the node")
json.dump({
    "cwd": os.getcwd(),
    "files": names,
    "extended": activity["typeProperties"]["extendedProperties"],
    "linkedServices": json.load(open("linkedServices.json")),
    "datasets": json.load(open("datasets.json")),
    "environment": dict(os.environ),
}, open("outputs.json", "w"))
"""


def test_a_program_gets_its_files_parameters_and_environment_and_gives_back_its_output(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = factory.upload("report", main__py=REPORT)
    factory.upload("report/deeper", helper__py="", **{"a name with spaces": ""})
    extended = {
        "runKey": "@pipeline().parameters.runKey",
        "epochs": {"value": "@pipeline().parameters.epochs", "type": "Expression"},
        "run": "run @{pipeline().RunId}",
    }
    factory.publish(
        "report",
        custom(
            "Report",
            f"{sys.executable} main.py",
            folder=folder,
            type_properties={
                "extendedProperties": extended,
                "referenceObjects": {"linkedServices": [reference("storage")], "datasets": []},
            },
            userProperties=[{"name": "runKey", "value": "@pipeline().parameters.runKey"}],
        ),
        parameters={"runKey": {"type": "String"}, "epochs": {"type": "Int", "defaultValue": 50}},
    )
    run_id = factory.start("report", runKey="a'b\"$(id) ;x")
    run = factory.ended(run_id)
    assert (run.status, run.message) == ("Succeeded", "")
    assert run.parameters == {"runKey": "a'b\"$(id) ;x", "epochs": "50"}
    assert run.run_start is not None
    assert run.run_end is not None
    assert run.duration_in_ms is not None

    [activity] = factory.activities(run_id)
    assert (activity.activity_name, activity.activity_type, activity.status) == (
        "Report",
        "Custom",
        "Succeeded",
    )
    assert activity.linked_service_name == "batch"
    assert activity.error == {
        "errorCode": "",
        "message": "",
        "failureType": "",
        "target": "Report",
        "details": [],
    }
    output = activity.output
    assert output["exitcode"] == 0
    assert json.loads(output["computeInformation"])["poolName"] == POOL
    stdout, stderr = output["outputs"]
    assert factory.text(stdout) == "hello from the node\n"
    assert factory.text(stderr) == ""

    seen = output["customOutput"]
    task_id = stdout.split("/")[-3]
    assert seen["files"] == [
        "a name with spaces",
        "activity.json",
        "datasets.json",
        "helper.py",
        "linkedServices.json",
        "main.py",
    ]
    assert seen["cwd"].endswith(f"/workitems/adfv2-{POOL}/job-1/{task_id}/wd")
    assert seen["extended"] == {"runKey": "a'b\"$(id) ;x", "epochs": 50, "run": f"run {run_id}"}
    assert seen["linkedServices"][0]["properties"]["typeProperties"]["serviceEndpoint"].startswith("https://")
    assert seen["datasets"] == []
    runtime = factory.text(stdout.replace("/output/stdout.txt", "/runtime/activity.json"))
    assert json.loads(runtime)["typeProperties"]["extendedProperties"] == seen["extended"]
    check_environment(factory, seen["environment"], task_id, seen["cwd"])


def test_numbers_and_empty_texts_of_parameters_reach_the_program_with_their_types(factory: Factory) -> None:
    parameters = {
        "task": {"type": "String", "defaultValue": ""},
        "algorithm": {"type": "String", "defaultValue": "linear"},
        "minAccuracy": {"type": "Float", "defaultValue": 0},
        "maxRmse": {"type": "Float", "defaultValue": 0.0},
        "tolerance": {"type": "Float", "defaultValue": 0.01},
        "lr": {"type": "Float", "defaultValue": 0.1},
    }
    extended: dict[str, Any] = {
        name: {"value": f"@pipeline().parameters.{name}", "type": "Expression"} for name in parameters
    }
    extended["text"] = "@{pipeline().parameters.tolerance}, @{pipeline().parameters.maxRmse}"
    folder = factory.upload("typed", main__py=REPORT)
    factory.publish(
        "typed",
        custom(
            "Typed",
            f"{sys.executable} main.py",
            folder=folder,
            type_properties={"extendedProperties": extended},
        ),
        parameters=parameters,
    )

    def seen(**given: Any) -> dict[str, Any]:
        run_id = factory.start("typed", **given)
        run = factory.ended(run_id)
        assert run.status == "Succeeded", run.message
        [activity] = factory.activities(run_id)
        reached: dict[str, Any] = activity.output["customOutput"]["extended"]
        return {"parameters": run.parameters, **reached}

    by_default = {"task": "", "algorithm": "linear", "minAccuracy": 0, "maxRmse": 0, "tolerance": 0.01}
    by_default |= {"lr": 0.1, "text": "0.01, 0"}
    texts = {"task": "", "algorithm": "linear", "minAccuracy": "0", "maxRmse": "0", "tolerance": "0.01"}
    assert seen() == {"parameters": texts | {"lr": "0.1"}, **by_default}

    given = {"task": "regression", "algorithm": "", "minAccuracy": 0.0, "maxRmse": 12.5, "tolerance": 0}
    texts = {
        "task": "regression",
        "algorithm": "",
        "minAccuracy": "0",
        "maxRmse": "12.5",
        "tolerance": "0",
    }
    expected = by_default | given | {"text": "0, 12.5"}
    assert seen(**given) == {"parameters": texts | {"lr": "0.1"}, **expected}


def check_environment(factory: Factory, environment: dict[str, str], task_id: str, cwd: str) -> None:
    assert environment["AZ_BATCH_ACCOUNT_NAME"] == BATCH_ACCOUNT
    assert environment["AZ_BATCH_POOL_ID"] == POOL
    assert environment["AZ_BATCH_TASK_ID"] == task_id
    assert environment["AZ_BATCH_TASK_WORKING_DIR"] == cwd
    assert environment["AZ_BATCH_NODE_SHARED_DIR"] == str(factory.home.root / "batch" / "shared")
    assert environment["IDENTITY_HEADER"] == factory.home.identity_headers["pool"]
    ours = {name for name in environment if not name.startswith("AZ_BATCH_")}
    assert ours <= {
        "PATH",
        "HOME",
        "LANG",
        "LC_CTYPE",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
    }


def test_a_program_that_fails_leaves_its_exit_code_and_its_stderr(factory: Factory) -> None:
    code = 'import sys; print("only one class in species", file=sys.stderr); sys.exit(3)'
    factory.publish("failing", custom("Fail", python(code)))
    run_id = factory.start("failing")
    run = factory.ended(run_id)
    assert run.status == "Failed"
    assert str(run.message).startswith("Operation on target Fail failed: Hit unexpected exception")

    [activity] = factory.activities(run_id)
    assert activity.status == "Failed"
    assert activity.error["errorCode"] == "2500"
    assert activity.error["failureType"] == "UserError"
    assert activity.output["exitcode"] == 3
    assert factory.text(activity.output["outputs"][1]) == "only one class in species\n"


def test_a_command_that_does_not_exist_fails_without_an_exit_code(factory: Factory) -> None:
    factory.publish("missing-program", custom("Start", "no-such-program --flag"))
    run_id = factory.start("missing-program")
    assert factory.ended(run_id).status == "Failed"
    [activity] = factory.activities(run_id)
    assert activity.error["errorCode"] == "2500"
    assert "no-such-program" in activity.error["message"]
    assert "exitcode" not in activity.output


def test_no_shell_reads_the_command(factory: Factory) -> None:
    code = "import sys, json; json.dump(sys.argv[1:], open('outputs.json', 'w'))"
    factory.publish("no-shell", custom("Echo", python(code) + " $HOME '*' && touch x; `id` | cat > y"))
    run_id = factory.start("no-shell")
    assert factory.ended(run_id).status == "Succeeded"
    [activity] = factory.activities(run_id)
    assert activity.output["customOutput"] == [
        "$HOME", "*", "&&", "touch", "x;", "`id`", "|", "cat", ">", "y",
    ]  # fmt: skip


def test_an_output_that_is_nested_too_deeply_fails_the_activity_with_2500(factory: Factory) -> None:
    factory.publish("deep", custom("Deep", python("open('outputs.json', 'w').write('[' * 100_000)")))
    error = error_of_failed(factory, "deep")
    assert error["errorCode"] == "2500"
    assert "outputs.json is not JSON: its lists and objects are nested more than 200" in error["message"]


def test_two_files_of_one_name_are_refused_with_2508(factory: Factory) -> None:
    folder = factory.upload("twice/a", main__py="")
    factory.upload("twice/b", main__py="")
    factory.publish("twice", custom("Twice", "true", folder=folder.removesuffix("/a")))
    assert error_of_failed(factory, "twice")["errorCode"] == "2508"


@pytest.mark.parametrize("folder", ["code-of-tests/nothing-here", "no-such-container/x"])
def test_an_empty_folder_is_refused_with_2507(factory: Factory, folder: str) -> None:
    factory.publish("empty", custom("Empty", "true", folder=folder))
    assert error_of_failed(factory, "empty")["errorCode"] == "2507"


def test_too_many_files_are_refused_with_2504(factory: Factory) -> None:
    long = "x" * 200
    for number in range(80):
        factory.upload_as(f"many/{long}{number}", "")
    factory.publish("many", custom("Many", "true", folder="code-of-tests/many"))
    assert error_of_failed(factory, "many")["errorCode"] == "2504"


def test_hostile_blob_names_stay_inside_the_working_directory(factory: Factory) -> None:
    names = ["-rf", "x;touch pwned", "$(id).csv", "new\nline", "\u00e9 '\""]
    for name in names:
        factory.upload_as(f"hostile/{name}", "hostile")
    code = "import os, json; json.dump(sorted(os.listdir('.')), open('outputs.json', 'w'))"
    factory.publish("hostile", custom("List", python(code), folder="code-of-tests/hostile"))
    run_id = factory.start("hostile")
    assert factory.ended(run_id).status == "Succeeded"
    [activity] = factory.activities(run_id)
    runtime = {"activity.json", "datasets.json", "linkedServices.json", "outputs.json"}
    expected = {"-rf", "x;touch pwned", "$(id).csv", "new_line", "\u00e9 '\""}
    assert set(activity.output["customOutput"]) - runtime == expected
    task = factory.home.root / "batch" / "workitems" / f"adfv2-{POOL}" / "job-1"
    folder = task / activity.output["outputs"][0].split("/")[-3]
    assert {path.name for path in folder.iterdir()} == {"wd", "stdout.txt", "stderr.txt"}


def test_storage_that_is_not_this_clouds_is_refused_with_2502(factory: Factory) -> None:
    factory.link("elsewhere", "AzureBlobStorage", serviceEndpoint="https://x.blob.core.windows.net/")
    factory.publish(
        "elsewhere",
        custom(
            "Elsewhere",
            "true",
            type_properties={"folderPath": "a/b", "resourceLinkedService": reference("elsewhere")},
        ),
    )
    assert error_of_failed(factory, "elsewhere")["errorCode"] == "2502"


def error_of_failed(factory: Factory, pipeline: str) -> dict[str, str]:
    run_id = factory.start(pipeline)
    assert factory.ended(run_id).status == "Failed"
    [activity] = factory.activities(run_id)
    assert activity.status == "Failed"
    error: dict[str, str] = activity.error
    return error
