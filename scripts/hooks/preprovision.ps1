# Prepares a deployment of bicep/main.bicep: checks the tools, and changes the authentication modes of a Batch account
# that exists already, which a deployment cannot change. azd runs it before it provisions on Windows. preprovision.sh
# takes the same steps elsewhere, and says more. It is safe to run again.
$ErrorActionPreference = 'Stop'
# The exit codes are checked below. Some sessions turn each failed command into an error, which would end the script.
$PSNativeCommandUseErrorActionPreference = $false
Set-Location (Join-Path $PSScriptRoot '../..')

function Step([string] $Title) { Write-Host "`n== $Title" }

function Fail([string] $Message) {
    Write-Host "preprovision: $Message" -ForegroundColor Red
    exit 1
}

Step 'Check the settings and the tools'
$authentication = if ($env:BATCH_AUTHENTICATION) { $env:BATCH_AUTHENTICATION } else { 'ManagedIdentity' }
switch -CaseSensitive ($authentication) {
    'ManagedIdentity' { $modes = 'AAD' }
    'KeyVault' { $modes = 'AAD SharedKey' }
    default { Fail "BATCH_AUTHENTICATION is $authentication`: set it to ManagedIdentity or KeyVault." }
}
$signIn = if ($env:SIGN_IN) { $env:SIGN_IN } else { 'Key' }
switch -CaseSensitive ($signIn) {
    'Key' { }
    'Entra' {
        if ("$env:SIGN_IN_CLIENT_ID".Length -ne 36) {
            Fail 'SIGN_IN (signIn) is Entra: set SIGN_IN_CLIENT_ID (signInClientId) as docs/deploy.md, Sign-in, says.'
        }
    }
    default { Fail "SIGN_IN (signIn) is $signIn`: set it to Key or Entra." }
}
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    Fail 'az is missing: install the Azure CLI, then run this again.'
}
# `azd provision` asks for the subscription of a new environment after this hook.
if (-not $env:AZURE_SUBSCRIPTION_ID -or -not $env:AZURE_ENV_NAME) {
    exit 0
}
az account show --subscription $env:AZURE_SUBSCRIPTION_ID --output none
if ($LASTEXITCODE -ne 0) {
    Fail "az is not signed in to subscription $env:AZURE_SUBSCRIPTION_ID`: run az login, then run this again."
}

Step 'Look for a Batch account of this environment'
$group = if ($env:AZURE_RESOURCE_GROUP) { $env:AZURE_RESOURCE_GROUP } else { "rg-$env:AZURE_ENV_NAME" }
$exists = az group exists --subscription $env:AZURE_SUBSCRIPTION_ID --name $group --output tsv
if ($LASTEXITCODE -ne 0) {
    Fail "resource group $group could not be looked up: see above, then run this again."
}
if ($exists -ne 'true') {
    exit 0
}
$accounts = @(az resource list --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $group `
        --resource-type Microsoft.Batch/batchAccounts --query '[].id' --output tsv)
if ($LASTEXITCODE -ne 0) {
    Fail "the Batch accounts of resource group $group could not be listed: see above, then run this again."
}

foreach ($account in $accounts) {
    Step "Check the authentication modes of $account"
    $present = az rest --method get --url "${account}?api-version=2025-06-01" `
        --query "join(' ', sort(properties.allowedAuthenticationModes))" --output tsv
    if ($LASTEXITCODE -ne 0) {
        Fail 'the Batch account could not be read: see above, then run this again.'
    }
    if ($present -ne $modes) {
        Step "Change them from $present to $modes"
        az rest --method patch --url "${account}?api-version=2025-06-01" `
            --body "@scripts/hooks/batch-$authentication.json" --output none
        if ($LASTEXITCODE -ne 0) {
            Fail 'the Batch account was not changed: see above, then run this again.'
        }
    }
}
