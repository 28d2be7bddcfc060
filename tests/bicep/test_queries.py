"""The queries of alerts, workbook and documents, in Microsoft's language service for Kusto.

log_tables.json has the columns of the tables. Source: the pages apptraces, apprequests, appexceptions,
adfpipelinerun and storagebloblogs below https://learn.microsoft.com/azure/azure-monitor/reference/tables/.
"""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checkout import CHECKOUT, DEFINITIONS

FOLDER = Path(__file__).parent
SERVICE = CHECKOUT / "node_modules" / "@kusto" / "language-service-next"
TABLES = json.loads((FOLDER / "log_tables.json").read_text())
QUERIES = {
    file.stem: file.read_text().replace("{hours}", "4") for file in sorted(DEFINITIONS.glob("queries/*.kql"))
}
WRITTEN = re.compile(r"^```kusto\n(?P<block>.*?)^```$|`(?P<line>(?:App|ADF)\w+ \\?\|[^`]*)`", re.S | re.M)
DOCUMENTED = {
    f"{file.name}:{found.start()}": found["block"] or found["line"].replace("\\|", "|")
    for file in sorted((CHECKOUT / "docs").glob("*.md"))
    for found in WRITTEN.finditer(file.read_text())
}
"""The queries of the documents, in blocks and in lines; a table of Markdown writes \\| for |."""
PLANTED = {
    "misspelt column": "AppTraces | where Mesage has 'x'",
    "misspelt table": "AppTrace | count",
    "misspelt function": "AppTraces | where TimeGenerated > agoo(4h)",
    "wrong type": "AppRequests | where Success > 3h",
    "unclosed": "AppTraces | where (Message has 'x'",
    "a column that an earlier step dropped": "AppTraces | project Message | where TimeGenerated > ago(4h)",
    "union": "union AppTraces, AppRequests | count",
    "union of one table": "union AppTraces",
    "join": "AppTraces | join kind=inner AppRequests on OperationId",
    "subquery": "AppTraces | where OperationId in ((AppRequests | project OperationId))",
    "let": "let calls = AppRequests; AppTraces | union calls",
    "search": "search 'x'",
}


@dataclass(frozen=True)
class Alert:
    """An alert rule that is deployed. titles: its name and its display name. queries: none for a metric."""

    titles: tuple[str, ...]
    description: str
    queries: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.titles[0]


def alerts() -> list[Alert]:
    """The different alert rules of all snapshots."""
    found = {
        Alert(
            titles=(rule["name"], rule["properties"].get("displayName", rule["name"])),
            description=rule["properties"]["description"],
            queries=tuple(
                each["query"] for each in rule["properties"]["criteria"]["allOf"] if "query" in each
            ),
        ): None
        for file in sorted(FOLDER.glob("*.snapshot.json"))
        for rule in json.loads(file.read_text())["predictedResources"]
        if re.search(r"^Microsoft\.Insights/\w*(rules|alerts)$", rule["type"], re.I)
    }
    return list(found)


ALERTS = alerts()
LOG_ALERTS = [each for each in ALERTS if each.queries]
each_log_alert = pytest.mark.parametrize("alert", LOG_ALERTS, ids=lambda alert: alert.name)


@dataclass(frozen=True)
class Bound:
    """What the service says of a query. tables: those that it reads. operators: those that combine tables."""

    errors: list[str]
    tables: list[str]
    operators: list[str]


@pytest.fixture(scope="module")
def bound() -> dict[str, Bound]:
    """Every query, also the planted ones, bound by one process."""
    node = shutil.which("node")
    if node is None or not SERVICE.exists():
        pytest.fail(f"the language service for Kusto is not in {SERVICE}: run scripts/setup.sh storage")
    of_alerts = {query: query for alert in LOG_ALERTS for query in alert.queries}
    asked = {"tables": TABLES, "queries": {**QUERIES, **DOCUMENTED, **PLANTED, **of_alerts}}
    answered = subprocess.run(
        [node, str(FOLDER / "bind_queries.cjs"), str(SERVICE)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    return {name: Bound(**found) for name, found in json.loads(answered.stdout).items()}


@pytest.mark.parametrize("name", [*QUERIES, *DOCUMENTED])
def test_a_query_fits_the_columns_of_its_tables(bound: dict[str, Bound], name: str) -> None:
    assert bound[name].errors == []
    assert bound[name].tables


def test_the_queries_of_the_documents_are_found() -> None:
    starts = {query.split()[0] for query in DOCUMENTED.values()}
    assert {"union", "AppTraces"} <= starts


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("misspelt column", "The name 'Mesage' does not refer to any known column"),
        ("misspelt table", "The name 'AppTrace' does not refer to any known table"),
        ("misspelt function", "The name 'agoo' does not refer to any known function"),
        ("wrong type", "The operator '>' is not defined for the operand types bool and timespan"),
        ("unclosed", "Expected: )"),
        ("a column that an earlier step dropped", "The name 'TimeGenerated' does not refer"),
    ],
)
def test_a_planted_mistake_is_found(bound: dict[str, Bound], name: str, said: str) -> None:
    assert any(said in error for error in bound[name].errors), bound[name].errors


def reads_one_table(query: Bound) -> bool:
    """Whether an alert rule may have the query.

    Rules with union or search are not supported, and a query for a rule names one table:
    https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-log-query, "Log query constraints".
    """
    return len(query.tables) == 1 and not query.operators


@each_log_alert
def test_the_query_of_an_alert_reads_one_table_without_union_or_join(
    bound: dict[str, Bound], alert: Alert
) -> None:
    for query in alert.queries:
        assert bound[query].errors == []
        assert reads_one_table(bound[query]), bound[query]


@pytest.mark.parametrize("name", ["union", "union of one table", "join", "subquery", "let", "search"])
def test_a_planted_second_table_is_found(bound: dict[str, Bound], name: str) -> None:
    assert bound[name].errors == []
    assert not reads_one_table(bound[name])


def test_failed_runs_failed_calls_and_waiting_runs_raise_alerts() -> None:
    named = {text: name for name, text in QUERIES.items()}
    found = {named[query] for alert in LOG_ALERTS for query in alert.queries if query in named}
    assert found == {"failed-runs", "failed-calls", "waiting-runs"}
    assert {alert.name for alert in ALERTS} == {
        "touchdown-run-failed",
        "touchdown-calls-failed",
        "touchdown-run-waits",
        "touchdown-dead-lettered",
    }


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_what_to_do_and_the_documents_list_it(alert: Alert) -> None:
    assert "docs/operate.md" in alert.description
    listed = (CHECKOUT / "docs" / "operate.md").read_text()
    assert any(f"\n| {title} |" in listed for title in alert.titles)
