# Completes a deployment after the code: publishes the trainer, points the pipeline at it, and subscribes the functions
# to events. azd runs it after `azd deploy` on Windows. postdeploy.sh takes the same steps elsewhere. It is safe to run
# again.
$ErrorActionPreference = 'Stop'
# The exit codes are checked below. Some sessions turn each failed command into an error, which would end the script at
# the first refusal, instead of trying again.
$PSNativeCommandUseErrorActionPreference = $false
Set-Location (Join-Path $PSScriptRoot '../..')

function Step([string] $Title) { Write-Host "`n== $Title" }

function Fail([string] $Message) {
    Write-Host "postdeploy: $Message" -ForegroundColor Red
    exit 1
}

# Again SECONDS HINT COMMAND: runs it until it succeeds, because new role assignments take minutes to take effect.
function Again([int] $Seconds, [string] $Hint, [scriptblock] $Command) {
    $deadline = (Get-Date).AddSeconds($Seconds)
    while ($true) {
        & $Command
        if ($LASTEXITCODE -eq 0) { return }
        if ((Get-Date) -ge $deadline) { Fail $Hint }
        Write-Host 'failed; trying again in 20 seconds'
        Start-Sleep -Seconds 20
    }
}

Step 'Check the outputs of the deployment'
$names = 'AZURE_SUBSCRIPTION_ID', 'AZURE_LOCATION', 'AZURE_ENV_NAME', 'AZURE_RESOURCE_GROUP', 'FUNCTION_APP', 'DATA_FACTORY',
    'STORAGE_URL', 'STORAGE_ACCOUNT', 'CONTAINER', 'TRAINING_CLIENT_ID'
foreach ($name in $names) {
    if (-not [Environment]::GetEnvironmentVariable($name)) {
        Fail "$name is not set: run this with azd (azd hooks run postdeploy)."
    }
}
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    Fail 'az is missing: install the Azure CLI, then run this again.'
}
az account show --subscription $env:AZURE_SUBSCRIPTION_ID --output none
if ($LASTEXITCODE -ne 0) {
    Fail "az is not signed in to subscription $env:AZURE_SUBSCRIPTION_ID`: run az login, then run this again."
}

Step 'Prepare the trainer'
$stage = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid())
try {
    # On Windows, python3 may be an alias that only opens the Microsoft Store.
    $python = if ($IsWindows -or $env:OS -eq 'Windows_NT') { 'python' } else { 'python3' }
    $trainerHash = & $python scripts/publish_trainer.py $stage
    if ($LASTEXITCODE -ne 0) {
        Fail 'the trainer could not be prepared: see above. Python 3.9 or newer is needed.'
    }

    Step "Upload the trainer to code/$trainerHash"
    Again 900 "upload failed: you need the role Touchdown blob writer on container $env:CONTAINER of $env:STORAGE_ACCOUNT." {
        az storage blob upload-batch --subscription $env:AZURE_SUBSCRIPTION_ID --account-name $env:STORAGE_ACCOUNT `
            --auth-mode login --destination $env:CONTAINER --destination-path code --source "$stage/code" --overwrite true `
            --no-progress --output none
    }

    Step 'Point the pipeline at it'
    az deployment group create --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP `
        --name pipeline --template-file bicep/modules/pipeline.bicep --output none `
        --parameters "factoryName=$env:DATA_FACTORY" "trainerHash=$trainerHash" "accountUrl=$env:STORAGE_URL" `
        "container=$env:CONTAINER" "clientId=$env:TRAINING_CLIENT_ID"
    if ($LASTEXITCODE -ne 0) {
        Fail 'the pipeline was not changed: see above. New runs use the previous trainer.'
    }

    $site = "/subscriptions/$env:AZURE_SUBSCRIPTION_ID/resourceGroups/$env:AZURE_RESOURCE_GROUP/providers/Microsoft.Web/sites/$env:FUNCTION_APP"

    Step 'Wait for the functions'
    Again 900 "the functions of $env:FUNCTION_APP are not all listed: docs/deploy.md, 'Functions that are not listed', says what to do." {
        az rest --method post --url "$site/host/default/sync?api-version=2025-03-01" --output none
        az functionapp function list --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP `
            --name $env:FUNCTION_APP --query '[].name' --output tsv | & $python scripts/missing_functions.py
    }

    Step 'Subscribe them to events'
    Again 600 'the event subscriptions were not created: see above, then run this again.' {
        az deployment sub create --subscription $env:AZURE_SUBSCRIPTION_ID --location $env:AZURE_LOCATION `
            --name "$env:AZURE_ENV_NAME-events" --template-file bicep/events.bicep --output none `
            --parameters "location=$env:AZURE_LOCATION" "environmentName=$env:AZURE_ENV_NAME" `
            "resourceGroupName=$env:AZURE_RESOURCE_GROUP"
    }

    Step 'Save the hash of the trainer for the next provision'
    if ($env:AZD_HOOK) {
        azd env set TRAINER_HASH $trainerHash
        if ($LASTEXITCODE -ne 0) {
            Fail 'azd could not save the hash: see above.'
        }
    }
}
finally {
    Remove-Item -Recurse -Force $stage -ErrorAction SilentlyContinue
}

Step 'Check the deployment'
$touchdown = '.venv/Scripts/touchdown.exe', '.venv/bin/touchdown' | Where-Object { Test-Path $_ } | Select-Object -First 1
$answer = ''
# Nobody answers in a pipeline, even if it has a terminal.
if ($touchdown -and -not [Console]::IsInputRedirected -and -not $env:CI) {
    $answer = Read-Host 'Check it now, and follow a run of 150 rows? It takes 25 to 65 minutes. [y/N]'
}
if ($answer -match '^[yY]') {
    & $touchdown check --subscription $env:AZURE_SUBSCRIPTION_ID --group $env:AZURE_RESOURCE_GROUP
    if ($LASTEXITCODE -ne 0) {
        Fail 'the check has failed: see above.'
    }
}
else {
    Write-Host "To check it: touchdown check --subscription $env:AZURE_SUBSCRIPTION_ID --group $env:AZURE_RESOURCE_GROUP"
}

Step 'Done'
Write-Host "Upload a CSV to the folder datasets of container $env:CONTAINER in account $env:STORAGE_ACCOUNT to start a run."
