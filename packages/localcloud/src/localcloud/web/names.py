"""The types of App Service, and where they lie."""

from localcloud.inventory import SITE

PROVIDER = "Microsoft.Web"
PLAN = f"{PROVIDER}/serverfarms"
FUNCTION = f"{SITE}/functions"
CONFIG = f"{SITE}/config"
POLICY = f"{SITE}/basicPublishingCredentialsPolicies"
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers"
ONE_SITE = f"{GROUP}/{SITE}/{{site}}"
