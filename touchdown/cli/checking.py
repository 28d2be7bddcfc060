"""check: whether a deployment works."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from touchdown.cli import live, output
from touchdown.cli.options import HomeOption, JsonOption, require_localcloud
from touchdown.cli.outcome import CommandError, Exit, reporting_errors
from touchdown.cli.resolver import resolve_target

if TYPE_CHECKING:
    from touchdown.checking.findings import Finding, Tell
    from touchdown.target import Target

AZ_SECONDS = 60
"""Seconds that az may take for a token: its first start takes long on some machines."""
PUBLIC = "https://management.azure.com"
GroupOption = Annotated[
    str,
    typer.Option(
        "--group", metavar="GROUP", help="Resource group of a deployment in Azure. Default: a localcloud."
    ),
]
SubscriptionOption = Annotated[
    str, typer.Option("--subscription", metavar="ID", help="Its subscription; with --group.")
]
ManagerOption = Annotated[
    str,
    typer.Option("--resource-manager", metavar="URL", help="Azure Resource Manager; with --group."),
]
RunOption = Annotated[bool, typer.Option("--run/--no-run", help="Upload 150 rows and follow their run.")]
MARKS = {"ok": "[green]✓[/green]", "failed": "[red]✗[/red]", "not checked": "[yellow]?[/yellow]"}


def check(
    group: GroupOption = "",
    subscription: SubscriptionOption = "",
    resource_manager: ManagerOption = PUBLIC,
    run: RunOption = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a deployment: its functions, settings, events, roles, quotas, and a run of 150 rows.

    What the check makes, it deletes. In Azure, sign in first: az login.
    """
    found: list[Finding] = []

    def tell(finding: "Finding") -> None:
        found.append(finding)
        if not as_json:
            print_finding(finding)

    with reporting_errors(as_json=as_json, beside=lambda: {"findings": [asdict(each) for each in found]}):
        # Its evaluation of roles decides in Azure too.
        require_localcloud()
        target = in_azure(group, subscription, resource_manager) if group else resolve_target(home)
        look(target, tell, run=run, quiet=as_json)
    failed = [each for each in found if each.outcome == "failed"]
    if as_json:
        output.print_json({"ok": not failed, "findings": [asdict(each) for each in found]})
    elif not failed:
        output.print_message("The deployment works.")
    if failed:
        raise typer.Exit(Exit.FAILED)


def look(target: "Target", tell: "Tell", *, run: bool, quiet: bool) -> None:
    """Tell what each check finds. A run is not tried where a check has failed."""
    from touchdown.checking import deployment, trial
    from touchdown.checking.checks import check_all
    from touchdown.checking.findings import NOT_TRIED
    from touchdown.checking.patience import PatientClient

    with PatientClient(target) as unnamed:
        whole = deployment.completed(deployment.deployment(unnamed))
    with PatientClient(whole) as client:
        found = deployment.deployment(client)
        works = True
        for each in check_all(found):
            works = works and each.outcome != "failed"
            tell(each)
        if not run:
            return
        if not works:
            tell(NOT_TRIED)
        elif quiet:
            trial.trial(client, found, tell)
        else:
            trial.trial(client, found, tell, following=live.Follower, on_interrupt=print_interrupt)


def print_interrupt() -> None:
    output.print_message("Deleting what the check made. Ctrl-C again ends that, and lists what may be left.")


def in_azure(group: str, subscription: str, resource_manager: str) -> "Target":
    """The target of a deployment in Azure, of which only the group is known yet.

    Raises CommandError if no subscription is given.
    """
    from azure.identity import AzureCliCredential

    from touchdown.target import Target

    if not subscription:
        raise CommandError(
            Exit.USAGE,
            "--group needs --subscription.",
            "az account show --query id --output tsv prints yours.",
        )
    return Target(
        api="",
        function_key="",
        blob_url="",
        container="",
        resource_manager=resource_manager.rstrip("/"),
        subscription=subscription,
        resource_group=group,
        workspace="",
        datastore="",
        credential=AzureCliCredential(subscription=subscription, process_timeout=AZ_SECONDS),
    )


def print_finding(finding: "Finding") -> None:
    from rich.markup import escape

    output.out.print(f"{MARKS[finding.outcome]} {finding.check:<14} {escape(finding.message)}")
    if finding.row:
        output.out.print(f"  {'':<14} docs/deploy.md: {escape(finding.row)}")
