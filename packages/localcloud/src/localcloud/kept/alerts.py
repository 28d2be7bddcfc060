"""Action groups, metric alerts and log alerts. No rule is evaluated, and nobody is told.

Sources: "Action Groups - Create Or Update", "Metric Alerts - Create Or Update", "Scheduled Query
Rules - Create Or Update" of Azure Monitor; their types in Bicep.
"""

import re

from localcloud.providers.checks import missing
from localcloud.providers.kinds import Kind, Name, Sent, no_properties
from localcloud.service import Cloud
from localcloud.wire import AzureError

GROUP = "Microsoft.Insights/actionGroups"
METRIC_ALERT = "Microsoft.Insights/metricAlerts"
LOG_ALERT = "Microsoft.Insights/scheduledQueryRules"

NAME = Name(
    r"[^*#&+:<>?@%{}\\/]{0,259}[^*#&+:<>?@%{}\\/. ]",
    "has 1 to 260 characters, none of * # & + : < > ? @ % { } \\ /",
)
MINUTES = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H")
OPERATORS = ("Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual")
CRITERIA = (
    "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
    "Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria",
    "Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria",
)
MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def check_group(_: Cloud, sent: Sent) -> None:
    """Raise AzureError 400 for two receivers of one name, and for what is no mail address."""
    receivers = sent.properties.get("emailReceivers") or []
    names = [str(each.get("name")) for each in receivers]
    if len({*names}) < len(names):
        raise AzureError(400, "ReceiverNamesNotUnique", "The names of the receivers of a group must differ.")
    for each in receivers:
        if not MAIL.fullmatch(str(each.get("emailAddress"))):
            message = f"The email address '{each.get('emailAddress')}' of '{each.get('name')}' is invalid."
            raise AzureError(400, "EmailAddressInvalid", message)
    if len(str(sent.properties["groupShortName"])) > 12:
        raise AzureError(400, "GroupShortNameTooLong", "A groupShortName has at most 12 characters.")


def check_scopes(cloud: Cloud, sent: Sent) -> None:
    """Raise AzureError 404 unless each resource in an alert's scopes exists."""
    for each in sent.properties["scopes"]:
        if "/providers/" in str(each) and cloud.inventory.get(str(each)) is None:
            raise missing(cloud.inventory, str(each))


def check_metric_alert(cloud: Cloud, sent: Sent) -> None:
    """Raise AzureError 400 for criteria of a type that Azure does not know."""
    check_scopes(cloud, sent)
    criteria = sent.properties["criteria"]
    if not isinstance(criteria, dict) or criteria.get("odata.type") not in CRITERIA:
        message = f"The criteria of '{sent.name}' need an odata.type: one of {', '.join(CRITERIA)}."
        raise AzureError(400, "BadRequest", message, target="properties.criteria")


KINDS = (
    Kind(
        GROUP,
        ("2018-03-01", "2024-10-01"),
        NAME,
        required=(
            "properties",
            "properties.groupShortName",
            "properties.enabled",
            "properties.emailReceivers.name",
        ),
        computed=no_properties,
        check=check_group,
    ),
    Kind(
        METRIC_ALERT,
        ("2018-03-01", "2026-01-01"),
        NAME,
        required=(
            *("properties", "properties.scopes", "properties.criteria"),
            *(
                "properties.enabled",
                "properties.severity",
                "properties.evaluationFrequency",
                "properties.windowSize",
            ),
            *("properties.criteria.allOf.name", "properties.criteria.allOf.metricName"),
            *("properties.criteria.allOf.criterionType", "properties.criteria.allOf.timeAggregation"),
        ),
        choices={
            "properties.evaluationFrequency": MINUTES,
            "properties.windowSize": (*MINUTES, "PT6H", "PT12H", "P1D"),
            "properties.criteria.allOf.operator": OPERATORS,
            "properties.criteria.allOf.timeAggregation": ("Average", "Count", "Maximum", "Minimum", "Total"),
        },
        ranges={"properties.severity": (0, 4)},
        refers={"properties.actions.actionGroupId": GROUP},
        computed=no_properties,
        check=check_metric_alert,
        created=200,
    ),
    Kind(
        LOG_ALERT,
        ("2021-08-01", "2026-03-01"),
        NAME,
        required=(
            *("properties", "properties.scopes", "properties.severity", "properties.evaluationFrequency"),
            *("properties.windowSize", "properties.criteria", "properties.criteria.allOf"),
            *("properties.criteria.allOf.query", "properties.criteria.allOf.operator"),
            *("properties.criteria.allOf.threshold", "properties.criteria.allOf.timeAggregation"),
        ),
        choices={
            "properties.criteria.allOf.operator": OPERATORS,
            "properties.criteria.allOf.timeAggregation": ("Average", "Count", "Maximum", "Minimum", "Total"),
        },
        ranges={"properties.severity": (0, 4)},
        refers={"properties.actions.actionGroups": GROUP},
        computed=no_properties,
        check=check_scopes,
    ),
)
