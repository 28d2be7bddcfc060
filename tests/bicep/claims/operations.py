"""Claims about alerts, the workbook and logs, whose content Azure's types leave open."""

import json
from collections.abc import Iterator
from typing import Any

from tests.bicep.deployed import Deployed, differences


def the_dead_letters_of_events_raise_an_alert(deployed: Deployed) -> Iterator[str]:
    """The criteria's type: https://learn.microsoft.com/azure/templates/microsoft.insights/metricalerts."""
    if not deployed.is_main:
        return
    given = deployed.plain(deployed.only("Microsoft.Insights/metricAlerts")["properties"])
    wanted = {
        "enabled": True,
        "scopes": ["Microsoft.EventGrid/systemTopics/evgs-uploads-"],
        "criteria": {
            "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            "allOf": [
                {
                    "criterionType": "StaticThresholdCriterion",
                    "name": "dead-lettered",
                    "metricNamespace": "Microsoft.EventGrid/systemTopics",
                    "metricName": "DeadLetteredCount",
                    "timeAggregation": "Total",
                    "operator": "GreaterThan",
                    "threshold": 0,
                }
            ],
        },
    }
    yield from differences("metric alert", {name: given.get(name) for name in wanted}, wanted)


def alerts_reach_the_operator(deployed: Deployed) -> Iterator[str]:
    mails = deployed.of("Microsoft.Insights/actionGroups")
    address = deployed.given.get("alertEmail")
    group = "Microsoft.Insights/actionGroups/touchdown-mail"
    groups = [group] if address else []
    if [deployed.plain(each["id"]) for each in mails] != groups:
        yield f"{len(mails)} action groups for the address {address}"
    for each in mails:
        wanted = {"name": "operator", "emailAddress": address, "useCommonAlertSchema": True}
        if each["properties"]["emailReceivers"] != [wanted] or not each["properties"]["enabled"]:
            yield f"mails go to {each['properties']['emailReceivers']}"
    for each in deployed.of("Microsoft.Insights/scheduledQueryRules"):
        if deployed.plain(each["properties"]["actions"]) != {"actionGroups": groups}:
            yield f"{each['name']} has the actions {each['properties']['actions']}"
        # The tables exist only after the app has logged something.
        if not each["properties"]["enabled"] or not each["properties"].get("skipQueryValidation"):
            yield f"{each['name']} is off, or its query is checked before its tables exist"
    for each in deployed.of("Microsoft.Insights/metricAlerts"):
        if deployed.plain(each["properties"]["actions"]) != [{"actionGroupId": each} for each in groups]:
            yield f"{each['name']} has the actions {each['properties']['actions']}"


ITEM = {
    "version": "KqlItem/1.0",
    "noDataMessage": "Nothing in this time.",
    "timeContext": {"durationMs": 604800000},
    "queryType": 0,
    "resourceType": "microsoft.operationalinsights/workspaces",
    "visualization": "table",
}


def the_workbook_shows_each_query(deployed: Deployed) -> Iterator[str]:
    """Azure publishes no type for the content of a workbook, which is a text."""
    for each in deployed.of("Microsoft.Insights/workbooks"):
        content = json.loads(deployed.plain(each["properties"]["serializedData"]))
        items = content.pop("items")
        logs = "Microsoft.OperationalInsights/workspaces/log-"
        if deployed.plain(each["properties"]["sourceId"]) != logs or each["kind"] != "shared":
            yield "the workbook belongs to another resource, or is not shared"
        yield from differences(
            "workbook", content, {"version": "Notebook/1.0", "fallbackResourceIds": [logs]}
        )
        for item in items:
            title = item["name"]
            wanted = {
                "type": 3,
                "name": title,
                "content": {**ITEM, "title": title, "query": item["content"]["query"]},
            }
            yield from differences(f"chart {title}", item, wanted)
        if len({item["name"] for item in items}) < 6:
            yield f"the workbook has {len(items)} charts"


def changes_of_blobs_are_logged(deployed: Deployed) -> Iterator[str]:
    """Those of the data account: an event of a new blob does not say who wrote it."""
    settings = deployed.of("Microsoft.Insights/diagnosticSettings")
    places = [deployed.plain(each["id"]) for each in settings]
    if deployed.is_main and not any("/stdata/blobServices/default/" in each for each in places):
        yield f"diagnostic settings: {places}"


def logs_go_to_log_analytics(deployed: Deployed) -> Iterator[str]:
    """The factory's own tables need the destination Dedicated: the queries read ADFPipelineRun.

    Of blobs, reads are not logged: they say nothing about who changed one, and cost most.
    """
    for each in deployed.of("Microsoft.Insights/diagnosticSettings"):
        wanted: dict[str, Any] = {
            "workspaceId": "Microsoft.OperationalInsights/workspaces/log-",
            "logs": [{"categoryGroup": "allLogs", "enabled": True}],
        }
        if "/factories/" in each["id"]:
            wanted["logAnalyticsDestinationType"] = "Dedicated"
        if "/blobServices/" in each["id"]:
            changes = ("StorageWrite", "StorageDelete")
            wanted["logs"] = [{"category": name, "enabled": True} for name in changes]
        yield from differences(
            f"logs of {deployed.plain(each['id'])}", deployed.plain(each["properties"]), wanted
        )


CLAIMS = [
    the_dead_letters_of_events_raise_an_alert,
    alerts_reach_the_operator,
    the_workbook_shows_each_query,
    logs_go_to_log_analytics,
    changes_of_blobs_are_logged,
]
