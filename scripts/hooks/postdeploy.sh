#!/bin/sh
# Completes a deployment after the code: publishes the trainer, points the pipeline at it, and subscribes the functions
# to events. azd runs it after `azd deploy`, scripts/deploy.sh runs it at its end, and a person can run it at any time
# to publish a changed trainer. postdeploy.ps1 takes the same steps on Windows. It is safe to run again.
set -eu
cd "$(dirname "$0")/../.."

step() { printf '\n== %s\n' "$1" >&2; }

fail() {
  printf 'postdeploy: %s\n' "$1" >&2
  exit 1
}

# again SECONDS HINT COMMAND...: runs it until it succeeds, because new role assignments take minutes to take effect.
again() {
  seconds=$1
  hint=$2
  shift 2
  deadline=$(($(date +%s) + seconds))
  until "$@"; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "$hint"
    printf 'failed; trying again in 20 seconds\n' >&2
    sleep 20
  done
}

step 'Check the outputs of the deployment'
for name in AZURE_SUBSCRIPTION_ID AZURE_LOCATION AZURE_ENV_NAME AZURE_RESOURCE_GROUP FUNCTION_APP DATA_FACTORY \
  STORAGE_URL STORAGE_ACCOUNT CONTAINER TRAINING_CLIENT_ID; do
  eval "value=\${$name:-}"
  # shellcheck disable=SC2154 # the line above sets it
  [ -n "$value" ] || fail "$name is not set: run this with azd (azd hooks run postdeploy) or scripts/deploy.sh."
done
command -v az >/dev/null || fail 'az is missing: install the Azure CLI, then run this again.'
az account show --subscription "$AZURE_SUBSCRIPTION_ID" --output none ||
  fail "az is not signed in to subscription $AZURE_SUBSCRIPTION_ID: run az login, then run this again."

step 'Prepare the trainer'
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trainer_hash=$(python3 scripts/publish_trainer.py "$stage") ||
  fail 'the trainer could not be prepared: see above. Python 3.9 or newer is needed.'

step "Upload the trainer to code/$trainer_hash"
again 900 "upload failed: you need the role Touchdown blob writer on container $CONTAINER of $STORAGE_ACCOUNT." \
  az storage blob upload-batch --subscription "$AZURE_SUBSCRIPTION_ID" --account-name "$STORAGE_ACCOUNT" \
  --auth-mode login --destination "$CONTAINER" --destination-path code --source "$stage/code" --overwrite true \
  --no-progress --output none

step 'Point the pipeline at it'
az deployment group create --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
  --name pipeline --template-file bicep/modules/pipeline.bicep --output none \
  --parameters "factoryName=$DATA_FACTORY" "trainerHash=$trainer_hash" "accountUrl=$STORAGE_URL" \
  "container=$CONTAINER" "clientId=$TRAINING_CLIENT_ID" ||
  fail 'the pipeline was not changed: see above. New runs use the previous trainer.'

site=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$AZURE_RESOURCE_GROUP/providers/Microsoft.Web/sites/$FUNCTION_APP

# The first call is what "Refresh" in the portal does: without it, Azure lists no function of some apps on Flex Consumption,
# however long one waits (github.com/Azure/functions-action/issues/373). If it is refused, the list may still be complete.
# The pipe's exit code is the script's: without a list, it misses all functions.
listed() {
  az rest --method post --url "$site/host/default/sync?api-version=2025-03-01" --output none || true
  az functionapp function list --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
    --name "$FUNCTION_APP" --query '[].name' --output tsv | python3 scripts/missing_functions.py
}

step 'Wait for the functions'
again 900 "the functions of $FUNCTION_APP are not all listed: docs/deploy.md, \"Functions that are not listed\", says what to do." \
  listed

step 'Subscribe them to events'
again 600 'the event subscriptions were not created: see above, then run this again.' \
  az deployment sub create --subscription "$AZURE_SUBSCRIPTION_ID" --location "$AZURE_LOCATION" \
  --name "$AZURE_ENV_NAME-events" --template-file bicep/events.bicep --output none \
  --parameters "location=$AZURE_LOCATION" "environmentName=$AZURE_ENV_NAME" \
  "resourceGroupName=$AZURE_RESOURCE_GROUP"

step 'Save the hash of the trainer for the next provision'
if [ -n "${AZD_HOOK:-}" ]; then
  azd env set TRAINER_HASH "$trainer_hash"
fi

step 'Check the deployment'
check="touchdown check --subscription $AZURE_SUBSCRIPTION_ID --group $AZURE_RESOURCE_GROUP"
answer=
# Nobody answers in a pipeline, even if it has a terminal.
if [ -t 0 ] && [ -z "${CI:-}" ] && [ -x .venv/bin/touchdown ]; then
  printf 'Check it now, and follow a run of 150 rows? It takes 25 to 65 minutes. [y/N] ' >&2
  read -r answer || true
fi
case $answer in
  [yY]*) .venv/bin/touchdown check --subscription "$AZURE_SUBSCRIPTION_ID" --group "$AZURE_RESOURCE_GROUP" ;;
  *) printf 'To check it: make setup && .venv/bin/%s\n' "$check" >&2 ;;
esac

step 'Done'
printf 'Upload a CSV to the folder datasets of container %s in account %s to start a run.\n' \
  "$CONTAINER" "$STORAGE_ACCOUNT" >&2
