"""How a person deletes what a check left behind, with az or curl.

Sources: the references of `az account get-access-token`, `az rest`,
`az storage blob delete` and `az storage blob delete-batch`.
"""

from urllib.parse import urlsplit

from touchdown.checking.deployment import VERSIONS, WORKSPACE
from touchdown.target import Target


def run(target: Target, run_id: str) -> str:
    call = f'To cancel it: curl -X POST "{target.api}/api/runs/{run_id}/cancel"'
    if not target.api_scope:
        return f'{call} -H "x-functions-key: KEY", with a function key of the app.'
    own, token = '-H "x-touchdown-client: curl"', '-H "Authorization: Bearer TOKEN"'
    given = f"az account get-access-token --scope {target.api_scope} --query accessToken --output tsv"
    return f"{call} {own} {token}, with the TOKEN of: {given}"


def endpoint(target: Target, name: str) -> str:
    return f"To delete it: {rest(target, f'batchEndpoints/{name}')}"


def model(target: Target, name: str) -> str:
    version = rest(target, f"models/{name}/versions/VERSION")
    return f"To delete it: for each VERSION that it has, {version}; then {rest(target, f'models/{name}')}"


def blob(target: Target, path: str) -> str:
    place = f"--account-name {account(target)} --container-name {target.container}"
    return f"To delete it: az storage blob delete --auth-mode login {place} --name {path}"


def folder(target: Target, path: str) -> str:
    place = f"--account-name {account(target)} --source {target.container}"
    return f"To delete them: az storage blob delete-batch --auth-mode login {place} --pattern '{path}/*'"


def rest(target: Target, path: str) -> str:
    """The command that deletes something of the workspace."""
    url = f"{target.resource_manager}{target.workspace_path}/{path}?api-version={VERSIONS[WORKSPACE]}"
    return f'az rest --method delete --url "{url}"'


def account(target: Target) -> str:
    return str(urlsplit(target.blob_url).hostname).partition(".")[0]
