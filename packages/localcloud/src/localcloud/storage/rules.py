"""Rules that delete blobs by their age. They are kept, and nothing is deleted by them.

Source: "Management Policies - Create Or Update"; "Configure a lifecycle management policy".
"""

from localcloud.providers.kinds import Kind, Name, Sent, no_properties
from localcloud.service import Cloud
from localcloud.wire import AzureError

INVALID = "Values for request parameters are invalid: {name}. The name of the policy is default."
RULES = "properties.policy.rules"


def check(_: Cloud, sent: Sent) -> None:
    """Raise AzureError 400 for rules that Azure does not take."""
    rules = sent.properties["policy"]["rules"]
    names = [str(each["name"]).lower() for each in rules]
    if len({*names}) < len(names):
        raise invalid("the names of its rules must differ")
    if len(rules) > 100:
        raise invalid("it has at most 100 rules")
    for each in rules:
        filters = each["definition"].get("filters")
        if filters is not None and not filters.get("blobTypes"):
            raise invalid(f"the filters of the rule '{each['name']}' need blobTypes")
        if len((filters or {}).get("prefixMatch") or []) > 10:
            raise invalid(f"the rule '{each['name']}' has more than 10 prefixes")


def invalid(reason: str) -> AzureError:
    message = f"The lifecycle policy is invalid: {reason}."
    return AzureError(400, "InvalidRequestPropertyValue", message, target=RULES)


KIND = Kind(
    "Microsoft.Storage/storageAccounts/managementPolicies",
    ("2019-06-01", "2026-04-01"),
    Name("default", "", "InvalidValuesForRequestParameters", INVALID),
    located=False,
    required=(
        *("properties", "properties.policy", RULES, f"{RULES}.name", f"{RULES}.type", f"{RULES}.definition"),
        f"{RULES}.definition.actions",
    ),
    choices={
        f"{RULES}.type": ("Lifecycle",),
        f"{RULES}.definition.filters.blobTypes": ("blockBlob", "appendBlob", "pageBlob"),
    },
    code="InvalidRequestPropertyValue",
    computed=no_properties,
    check=check,
    created=200,
)
