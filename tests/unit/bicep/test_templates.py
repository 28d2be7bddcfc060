"""Checks of the templates that need neither a compiler nor a cloud."""

import json
import re
from pathlib import Path

import pytest

from orchestrators.stages import Stage
from tests.checkout import DEFINITIONS
from tests.unit.bicep.source import BICEP, FILES, Source, properties, source, sources, text, walk
from triggers.http import ROUTES

KEYS = BICEP / "modules" / "keys.bicep"
"""The only file that reads keys: docs/deploy.md, "When keys are needed"."""
SECRET = re.compile(
    r"list\w*(Keys|Credentials|Secrets?|Sas)\b|AccountKey=|SharedAccessSignature|password|sasToken", re.I
)
BUILT_IN = set(
    re.findall(
        r"\w+",
        """allowed base64 contains deployer description empty environment export fail filter guid items join
        json length listKeys loadJsonContent loadTextContent map maxLength maxValue minLength minValue
        replace resourceGroup resourceId sealed string subscription subscriptionResourceId tenant toLower
        union uniqueString""",
    )
)
"""The functions and decorators of Bicep that the templates use."""
RULES_THAT_ARE_OFF = {
    "use-description-type-properties": "names of properties, such as those of settings, say what they are",
    "use-description-vars": "a variable that needs a description gets a better name",
    "use-recent-api-versions": "its answer depends on the day",
    "use-recent-module-versions": "its answer depends on the day, and no module comes from a registry",
}
"""The rules of the linter that are off, each with its reason. All others are errors."""
LOADED = re.compile(r"load(?:Json|Text|Yaml)\w*\('([^']+)'")

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@each_file
def test_a_file_parses(file: Path) -> None:
    assert source(file).errors == []


@each_file
def test_every_loaded_file_exists_and_is_json_where_it_must_be(file: Path) -> None:
    content = source(file).content
    for name in LOADED.findall(content):
        target = file.parent / name
        assert target.is_file(), name
        assert len(target.read_text()) <= 131_072
        if name.endswith(".json"):
            json.loads(target.read_text())


@each_file
def test_every_module_gets_its_required_parameters_and_no_others(file: Path) -> None:
    for module in source(file).of("module"):
        target = source((file.parent / module.given).resolve())
        given = set(properties(module.properties()["params"]))
        declared = {each.name: each for each in target.of("parameter")}
        optional = {
            name
            for name, each in declared.items()
            if len(each.node.named_children) > 2 + bool(each.node.named_children[0].type == "decorators")
        }
        assert given <= set(declared), module.name
        assert given >= set(declared) - optional, module.name


@each_file
def test_every_output_that_is_read_is_declared(file: Path) -> None:
    modules = {each.name: source((file.parent / each.given).resolve()) for each in source(file).of("module")}
    for name, output in re.findall(r"\b(\w+)\.\??outputs\.(\w+)", source(file).content):
        assert name in modules, f"{name}.outputs"
        assert output in {each.name for each in modules[name].of("output")}, f"{name}.outputs.{output}"


def bound(file: Source) -> set[str]:
    """Every name that an expression of the file may use, including those of loops and lambdas."""
    names = {each.name for each in file.declared} | set(file.imported) | {"az", "sys"}
    for node in walk(file.root):
        if node.type in ("for_statement", "lambda_expression", "parameter", "user_defined_function"):
            names |= {text(each) for each in node.named_children if each.type == "identifier"}
    return names


@each_file
def test_no_module_has_a_name(file: Path) -> None:
    """Two deployments at once would overwrite each other's modules; the compiler's own names differ."""
    assert [each.name for each in source(file).of("module") if "name" in each.properties()] == []


@each_file
def test_no_parameter_is_a_plain_object_or_array(file: Path) -> None:
    """The compiler would report no misspelt property of it."""
    plain = re.findall(r"^(?:param|output) \w+ (?:object|array)\b.*", source(file).content, re.MULTILINE)
    assert plain == []


@each_file
def test_every_symbolic_reference_resolves(file: Path) -> None:
    this = source(file)
    known = bound(this)
    for node in walk(this.root):
        parent = node.parent
        if node.type != "identifier" or parent is None:
            continue
        is_key = parent.type == "object_property" and parent.named_children[0] == node
        is_called = this.content.encode()[node.end_byte : node.end_byte + 1] == b"("
        if not is_key:
            names = known | BUILT_IN if is_called else known
            assert text(node) in names, f"{file.name}:{node.start_point.row + 1}: {text(node)}"


@each_file
def test_what_is_imported_is_exported(file: Path) -> None:
    for name, given in source(file).imported.items():
        target = (file.parent / given).read_text()
        assert re.search(rf"@export\(\)(\n@.*)*\n(func|var|type) {name}\b", target), name


def test_every_parameter_and_output_is_described() -> None:
    for file in sources():
        for each in (*file.of("parameter"), *file.of("output")):
            if "description" not in text(each.node):
                before = each.node.prev_named_sibling
                assert before is not None, each.name
                assert "@description(" in text(before), f"{file.path.name}: {each.name}"


def test_every_parameter_of_main_says_whether_it_is_required() -> None:
    words = re.findall(
        r"@description\('(\w+)\.", source(BICEP / "main.bicep").content.partition("targetScope")[2]
    )
    assert words[0] == "Required"
    assert set(words[1 : words.index("Optional") + 1]) == {"Optional"}


@each_file
def test_only_one_file_reads_keys(file: Path) -> None:
    found = SECRET.findall(re.sub(r"//.*|@description\(.*", "", source(file).content))
    assert bool(found) == (file == KEYS), found


def test_that_file_is_deployed_only_on_request() -> None:
    main = source(BICEP / "main.bicep").content
    assert main.count("module keys ") == main.count("= if (withKeys)") == 1
    assert "module keys 'modules/keys.bicep' = if (withKeys)" in main
    assert "var withKeys = batchAuthentication == 'KeyVault'" in main
    assert "param batchAuthentication string = 'ManagedIdentity'" in main


@each_file
def test_no_module_comes_from_a_registry(file: Path) -> None:
    assert not re.search(r"'(br|ts)[:/]", source(file).content)


def test_the_name_of_a_role_assignment_depends_on_its_scope_principal_and_role() -> None:
    for file in sources():
        for each in file.of("resource"):
            if each.given.startswith("Microsoft.Authorization/roleAssignments@"):
                given = each.properties()
                scope, principal = text(given["scope"]), text(properties(given["properties"])["principalId"])
                role = text(properties(given["properties"])["roleDefinitionId"])
                name = re.fullmatch(r"guid\((\w+)\.id, (\w+), ([\w.]+)\)", text(given["name"]))
                assert name is not None, each.name
                assert name[1] == scope
                assert name[2] == principal
                assert name[3] in role or name[3].removesuffix(".name") == role.removesuffix(".id")


def test_a_rule_about_versions_is_deployed_once_the_account_keeps_them() -> None:
    """Side by side, the rule may come first, and Azure may change one account in one request only."""
    (rule,) = [
        each
        for each in source(BICEP / "modules" / "storage.bicep").of("resource")
        if each.name == "dataLifecycle"
    ]
    assert "version: " in text(rule.node)
    assert "dataBlobs" in text(rule.properties()["dependsOn"])


def test_no_name_depends_on_the_time_or_on_chance() -> None:
    for file in sources():
        assert not re.search(r"\b(utcNow|newGuid)\(", file.content), file.path.name


def test_the_pipeline_and_the_filters_are_definitions_that_others_read_too() -> None:
    assert DEFINITIONS == BICEP / "definitions"
    loads = {
        (file.path.parent / name).resolve()
        for file in sources()
        for name in LOADED.findall(file.content)
        if name.endswith(".json")
    }
    names = ("pipeline.json", "subscriptions.json", "start-files.json")
    assert loads == {DEFINITIONS / name for name in names}


def test_the_pipeline_of_the_cloud_has_every_property_of_its_definition() -> None:
    module = source(BICEP / "modules" / "pipeline.bicep")
    (pipeline,) = [each for each in module.of("resource") if each.name == "pipeline"]
    given = {name: text(value) for name, value in properties(pipeline.properties()["properties"]).items()}
    definition = json.loads((DEFINITIONS / "pipeline.json").read_text())["properties"]
    expected = {name: f"definition.properties.{name}" for name in definition}
    assert given == expected | {"activities": "[union(train, published)]"}


def test_the_linked_services_have_the_names_that_the_pipeline_uses() -> None:
    pipeline = json.loads((DEFINITIONS / "pipeline.json").read_text())
    wanted = set(re.findall(r'"referenceName": "(\w+)"', json.dumps(pipeline)))
    module = source(BICEP / "modules" / "factory.bicep")
    names = {
        text(each.properties()["name"]).strip("'")
        for each in module.of("resource")
        if "linkedservices" in each.given
    }
    assert wanted == {"batch", "storage"}
    assert wanted <= names


def test_the_parameters_that_azd_passes_are_parameters_of_main_bicep() -> None:
    given = json.loads((BICEP / "main.parameters.json").read_text())["parameters"]
    assert set(given) <= {each.name for each in source(BICEP / "main.bicep").of("parameter")}


def test_every_token_of_the_autoscale_formula_and_the_queries_is_replaced() -> None:
    for file in (DEFINITIONS / "autoscale.txt", *(DEFINITIONS / "queries").glob("*.kql")):
        users = [each for each in sources() if f"/{file.name}'" in each.content]
        assert len(users) == 1, file.name
        for token in set(re.findall(r"\{\w+\}", file.read_text())):
            assert f"'{token}'" in users[0].content, (file.name, token)


def test_the_queries_match_what_the_app_logs() -> None:
    root = BICEP.parent
    run_context = (root / "orchestrators" / "run_context.py").read_text()
    registration = (root / "activities" / "registration.py").read_text()
    line, refusal = 'log.info("run %s: %s", ', 'log.warning("%s refused: %s: %s", '
    assert line in run_context
    assert refusal in registration
    stage = re.compile(r"^run [a-z0-9-]+: [a-z_]+$")
    for each in Stage:
        assert stage.fullmatch(f"run iris-csv-0123456789abcdef-2: {each}")
    for query in ("waiting-runs", "runs", "stages"):
        assert f"@'{stage.pattern}'" in (DEFINITIONS / "queries" / f"{query}.kql").read_text()
    assert f"Stage == '{Stage.WAIT}'" in (DEFINITIONS / "queries" / "waiting-runs.kql").read_text()
    assert "run.enter(Stage.WAIT)" in (root / "orchestrators" / "training_run.py").read_text()
    assert "def training_run(" in (root / "orchestrators" / "training_run.py").read_text()


def test_the_query_for_failed_runs_matches_what_the_app_logs() -> None:
    run_context = (BICEP.parent / "orchestrators" / "run_context.py").read_text()
    assert 'log.error("run %s failed at %s: %s", ' in run_context
    query = (DEFINITIONS / "queries" / "failed-runs.kql").read_text()
    of_app = re.findall(r"@'(\^run .*?)'", query)
    assert len(of_app) == 3
    for stage in ("", *Stage):
        line = f"run iris-csv-0123456789abcdef-2 failed at {stage}: the CSV has no rows.\nTraceback"
        found = [re.match(pattern, line) for pattern in of_app]
        assert [each and each.groups() for each in found] == [(), (stage,), ("the CSV has no rows.",)]


def test_the_query_for_failed_runs_finds_the_run_in_the_lines_of_the_app_and_of_the_durable_extension() -> (
    None
):
    """The extension's line: EndToEndTraceHelper.cs in Azure/azure-functions-durable-extension."""
    query = (DEFINITIONS / "queries" / "failed-runs.kql").read_text()
    (pattern,) = re.findall(r"RunId = extract\(@'(.*?)'", query)
    run = "iris-csv-0123456789abcdef-2"
    for line in (
        f"run {run} failed at wait: no nodes.",
        f"{run}: Function 'training_run (Orchestrator)' failed with an error.",
    ):
        found = re.match(pattern, line)
        assert found is not None
        assert found[1] == run


def test_the_query_for_failed_calls_names_the_functions_that_start_runs_and_answer_the_api() -> None:
    query = (DEFINITIONS / "queries" / "failed-calls.kql").read_text()
    listed = re.search(r"Name in \(([^)]*)\)", query)
    assert listed is not None
    routes = {handler.__name__ for _, _, handler in ROUTES}
    events = set(
        re.findall(r'@events\.function_name\("(\w+)"\)', (BICEP.parent / "triggers/events.py").read_text())
    )
    assert events
    assert set(re.findall(r"'(\w+)'", listed[1])) == routes | events


def test_every_rule_of_the_linter_is_an_error_or_off_with_a_reason() -> None:
    rules = json.loads((BICEP / "bicepconfig.json").read_text())["analyzers"]["core"]["rules"]
    levels = {name: rule["level"] for name, rule in rules.items()}
    assert {name for name, level in levels.items() if level == "off"} == set(RULES_THAT_ARE_OFF)
    assert list(levels.values()).count("error") == 51
    assert set(levels.values()) == {"error", "off"}


def test_a_rule_is_disabled_only_where_names_contain_what_azure_makes() -> None:
    """docs/architecture.md says why names of role assignments contain principal ids."""
    for file in sources():
        disabled = re.findall(r"#disable-\S+ (.+)", file.content)
        assert set(disabled) <= ({"what-if-short-circuiting"} if file.path.name == "main.bicep" else set())
        assert len(disabled) == len(re.findall(r"#restore-diagnostics (.+)", file.content))
